// The cameras on a map, from this server alone: outlines of countries and states, the streets and layers that the
// city gives, and a pin for each camera. Where the browser cannot draw it (no WebGL), the drawing in its place stays.
import { LngLatBounds, Map as Chart, Marker, NavigationControl, ScaleControl, addProtocol, setWorkerUrl } from 'maplibre-gl';
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import worker from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import { PMTiles, Protocol } from 'pmtiles';
import { feature } from 'topojson-client';
import type { Topology } from 'topojson-specification';
import countries from 'world-atlas/countries-110m.json?url';
import states from 'us-atlas/states-10m.json?url';

/** What the server says of the map: `GET /console/map.json`. */
interface Told {
  cameras: { id: string; name: string; state: string; state_word: string; lat: number; lon: number }[];
  layers: { name: string; url: string }[];
  streets: string | null;
  attribution: string | null;
}

/** What reads the city's streets in parts: what was read once is not asked for again. */
const tiles = new Protocol();

/** Further in than this, outlines of countries are too coarse to be true. */
const COARSE = 5;
/** Closer than this nobody looks at one camera. */
const CLOSE = 15;

async function told(from: string): Promise<Told> {
  // The page asks by itself: it keeps nobody signed in.
  const answer = await fetch(from, { headers: { accept: 'application/json', 'x-live': '1' } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json() as Promise<Told>;
}

async function outline(from: string, object: string): Promise<GeoJSON.GeoJSON> {
  const topology = (await (await fetch(from)).json()) as Topology;
  const part = topology.objects[object];
  return part ? feature(topology, part) : { type: 'FeatureCollection', features: [] };
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The streets of a file: layers as Protomaps and OpenMapTiles name them, drawn in the page's own colours. */
async function streets(url: string): Promise<LayerSpecification[]> {
  const file = tiles.get(url) ?? new PMTiles(url);
  tiles.add(file);
  const told = (await file.getMetadata()) as { vector_layers?: { id: string }[] };
  const there = new Set((told.vector_layers ?? []).map((layer) => layer.id));
  const of = (names: string[], make: (layer: string) => LayerSpecification) => names.filter((n) => there.has(n)).map(make);
  const fill = (paint: string, opacity: number) => (layer: string): LayerSpecification => ({
    id: `streets-${layer}`, type: 'fill', source: 'streets', 'source-layer': layer,
    paint: { 'fill-color': paint, 'fill-opacity': opacity },
  });
  const line = (layer: string): LayerSpecification => ({
    id: `streets-${layer}`, type: 'line', source: 'streets', 'source-layer': layer,
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': colour('--edge'), 'line-opacity': 0.55, 'line-width': ['interpolate', ['exponential', 1.5], ['zoom'], 8, 0.4, 13, 1.4, 18, 10] },
  });
  // Without an address for glyphs the library draws letters by itself, with the machine's own fonts: nothing is fetched.
  const names = (layer: string, along: boolean): LayerSpecification => ({
    id: `streets-${layer}-names`, type: 'symbol', source: 'streets', 'source-layer': layer, filter: ['has', 'name'],
    ...(along ? { minzoom: 13 } : { maxzoom: 16 }),
    layout: {
      'symbol-placement': along ? 'line' : 'point', 'text-field': ['get', 'name'], 'text-font': ['sans-serif'], 'text-padding': 6,
      'text-size': ['interpolate', ['linear'], ['zoom'], 13, along ? 11 : 13, 18, 15], 'text-max-angle': 35,
    },
    paint: { 'text-color': colour('--ink'), 'text-halo-color': colour('--card'), 'text-halo-width': 1.5 },
  });
  return [
    ...of(['landuse', 'landcover', 'park'], fill(colour('--sunk'), 0.7)),
    ...of(['water'], fill(colour('--wash'), 1)),
    ...of(['buildings', 'building'], fill(colour('--line'), 0.5)),
    ...of(['roads', 'transportation'], line),
    ...of(['roads', 'transportation_name'], (layer) => names(layer, true)),
    ...of(['places', 'place'], (layer) => names(layer, false)),
  ];
}

/** `hidden` are the numbers of the layers that somebody has unticked. */
async function style(what: Told, hidden = new Set<number>()): Promise<StyleSpecification> {
  const [world, union] = await Promise.all([outline(countries, 'countries'), outline(states, 'states')]);
  const border = (id: string, maxzoom: number): LayerSpecification => ({
    id, type: 'line', source: id, maxzoom, paint: { 'line-color': colour('--edge'), 'line-width': 1 },
  });
  const drawn: StyleSpecification = {
    version: 8,
    sources: { world: { type: 'geojson', data: world }, union: { type: 'geojson', data: union } },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': colour('--card') } },
      border('world', COARSE),
    ],
  };
  if (what.streets) {
    const url = new URL(what.streets, location.href).href;
    drawn.sources.streets = { type: 'vector', url: `pmtiles://${url}`, ...(what.attribution ? { attribution: what.attribution } : {}) };
    drawn.layers.push(...(await streets(url)));
  }
  drawn.layers.push(border('union', 24));
  what.layers.forEach(({ url }, n) => {
    const source = `layer-${n}`;
    const layout = { visibility: hidden.has(n) ? ('none' as const) : ('visible' as const) };
    drawn.sources[source] = { type: 'geojson', data: new URL(url, location.href).href };
    drawn.layers.push(
      { id: `${source}-area`, type: 'fill', source, layout, filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': colour('--accent'), 'fill-opacity': 0.12 } },
      { id: `${source}-line`, type: 'line', source, layout, filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colour('--accent'), 'line-width': 2 } },
      { id: `${source}-point`, type: 'circle', source, layout, filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-color': colour('--accent'), 'circle-radius': 4 } },
    );
  });
  return drawn;
}

/** Pins are links to what the page says of the camera; their state is told in words too. */
function pins(chart: Chart, markers: Map<string, Marker>, cameras: Told['cameras']): void {
  const here = new Set(cameras.map((camera) => camera.id));
  for (const [id, marker] of markers) {
    if (!here.has(id)) marker.remove();
  }
  for (const { id, name, state, state_word: word, lat, lon } of cameras) {
    const known = markers.get(id);
    const pin = (known?.getElement() as HTMLAnchorElement | undefined) ?? document.createElement('a');
    pin.href = `#camera-${CSS.escape(id)}`;
    pin.dataset.name = name;
    pin.className = `${known ? pin.className.replace(/\bpin-\S+/g, '') : ''} pin pin-${state}`.trim();
    pin.setAttribute('aria-label', `${name}: ${word}`);
    pin.title = `${name}: ${word}`;
    if (known) known.setLngLat([lon, lat]);
    else markers.set(id, new Marker({ element: pin }).setLngLat([lon, lat]).addTo(chart));
  }
}

/** One checkbox a layer of the city's own. */
function legend(chart: Chart, place: HTMLElement, layers: Told['layers']): void {
  place.replaceChildren(...layers.map(({ name }, n) => {
    const label = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: true });
    box.addEventListener('change', () => {
      for (const part of ['area', 'line', 'point']) {
        chart.setLayoutProperty(`layer-${n}-${part}`, 'visibility', box.checked ? 'visible' : 'none');
      }
    });
    label.append(box, ` ${name}`);
    return label;
  }));
  place.hidden = layers.length === 0;
}

function unticked(place: HTMLElement): Set<number> {
  const boxes = [...place.querySelectorAll<HTMLInputElement>('input')];
  return new Set(boxes.flatMap((box, n) => (box.checked ? [] : [n])));
}

async function draw(figure: HTMLElement): Promise<void> {
  const from = figure.dataset.map ?? '';
  const what = await told(from);
  if (what.cameras.length === 0 && !what.streets && what.layers.length === 0) return;
  const holder = figure.querySelector<HTMLElement>('[data-chart]');
  const drawing = figure.querySelector<SVGElement>('svg');
  const key = figure.querySelector<HTMLElement>('[data-layers]');
  if (!holder || !key) return;
  setWorkerUrl(new URL(worker, location.href).href);
  addProtocol('pmtiles', tiles.tile);
  const bounds = new LngLatBounds();
  for (const { lon, lat } of what.cameras) bounds.extend([lon, lat]);
  const drawn = await style(what);
  holder.hidden = false;
  const chart = new Chart({
    container: holder, style: drawn, attributionControl: { compact: false }, cooperativeGestures: true,
    ...(bounds.isEmpty() ? {} : { bounds, fitBoundsOptions: { padding: 48, maxZoom: CLOSE } }),
  });
  chart.addControl(new NavigationControl({ showCompass: false }));
  chart.addControl(new ScaleControl({ unit: figure.dataset.unit === 'imperial' ? 'imperial' : 'metric' }));
  const markers = new Map<string, Marker>();
  pins(chart, markers, what.cameras);
  chart.once('load', () => {
    drawing?.remove();
    legend(chart, key, what.layers);
    figure.dataset.drawn = '';
  });
  // Colours are the page's: another theme is another style.
  // What could not be asked for is asked for with the next change.
  const lost = (e: unknown) => console.warn('map', e);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => void style(what, unticked(key)).then((next) => chart.setStyle(next)).catch(lost));
  document.addEventListener('refreshed', () => void told(from).then((now) => pins(chart, markers, now.cameras)).catch(lost));
}

export function start(figures: HTMLElement[]): void {
  // What cannot be drawn costs nobody anything: the drawing and the list are there.
  for (const figure of figures) void draw(figure).catch((e: unknown) => console.warn('map', e));
}
