// A small PMTiles file (version 3) of one vector tile (Mapbox Vector Tile 2.1) with a river, two streets and a
// place that have names, for tests:
// node tiles.mjs FILE LAT LON
import { writeFileSync } from 'node:fs';

const [file, lat, lon] = process.argv.slice(2);
const ZOOM = 14;
const EXTENT = 4096;

function varint(n) {
  const out = [];
  let rest = n;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...out, rest];
}
const field = (number, bytes) => [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
const number = (id, value) => [...varint(id * 8), ...varint(value)];
const zigzag = (n) => (n << 1) ^ (n >> 31);

/** Points as commands: move to the first, lines to the others, closed where it is an area. */
function geometry(points, area) {
  let [x, y] = [0, 0];
  const step = ([a, b]) => {
    const out = [zigzag(a - x), zigzag(b - y)];
    [x, y] = [a, b];
    return out;
  };
  const out = [(1 << 3) | 1, ...step(points[0]), ((points.length - 1) << 3) | 2, ...points.slice(1).flatMap(step)];
  return (area ? [...out, (1 << 3) | 7] : out).flatMap(varint);
}
const KIND = { point: 1, line: 2, area: 3 };
/** A thing; `named` is the place of its name among the layer's names. */
const shape = (points, kind, named) =>
  field(2, [...(named === undefined ? [] : field(2, [0, named])), ...number(3, KIND[kind]), ...field(4, kind === 'point' ? varint(9).concat(points[0].flatMap((n) => varint(zigzag(n)))) : geometry(points, kind === 'area'))]);
const text = (words) => [...Buffer.from(words)];
const layer = (name, shapes, names = []) =>
  field(3, [...field(1, text(name)), ...shapes.flat(), ...field(3, text('name')), ...names.flatMap((n) => field(4, field(1, text(n)))), ...number(5, EXTENT), ...number(15, 2)]);
const tile = Buffer.from([
  ...layer('water', [shape([[0, 1500], [4096, 1900], [4096, 2300], [0, 1900]], 'area')]),
  ...layer('roads', [shape([[0, 1000], [4096, 3000]], 'line', 0), shape([[2000, 0], [2100, 4096]], 'line', 1)], ['Main Street', 'Calle Peña']),
  ...layer('places', [shape([[1200, 900]], 'point', 0)], ['Old Town']),
]);

/** The tile's place on the Hilbert curve of its zoom, behind all tiles of the zooms before. */
function id(zoom, tx, ty) {
  let before = 0;
  for (let z = 0; z < zoom; z += 1) before += 4 ** z;
  let [x, y, at] = [tx, ty, 0];
  for (let side = 2 ** (zoom - 1); side >= 1; side /= 2) {
    const right = (x & side) > 0 ? 1 : 0;
    const low = (y & side) > 0 ? 1 : 0;
    at += side * side * ((3 * right) ^ low);
    if (low === 0) {
      if (right === 1) [x, y] = [side - 1 - x, side - 1 - y];
      [x, y] = [y, x];
    }
  }
  return before + at;
}
const scale = 2 ** ZOOM;
const rad = (Number(lat) * Math.PI) / 180;
const tx = Math.floor(((Number(lon) + 180) / 360) * scale);
const ty = Math.floor(((1 - Math.log(Math.tan(rad) + 1 / Math.cos(rad)) / Math.PI) / 2) * scale);
const folder = Buffer.from([...varint(1), ...varint(id(ZOOM, tx, ty)), ...varint(1), ...varint(tile.length), ...varint(1)]);
const about = Buffer.from(JSON.stringify({ vector_layers: [{ id: 'water', fields: {} }, { id: 'roads', fields: { name: 'String' } }, { id: 'places', fields: { name: 'String' } }] }));

const head = Buffer.alloc(127);
head.write('PMTiles');
head.writeUInt8(3, 7);
const parts = [[127, folder.length], [127 + folder.length, about.length], [0, 0], [127 + folder.length + about.length, tile.length]];
parts.flat().forEach((n, i) => head.writeBigUInt64LE(BigInt(n), 8 + 8 * i));
[1, 1, 1].forEach((n, i) => head.writeBigUInt64LE(BigInt(n), 72 + 8 * i));
// Clustered; nothing compressed; vector tiles; both zooms.
Buffer.from([1, 1, 1, 1, ZOOM, ZOOM]).copy(head, 96);
const degrees = (n) => Math.round(n * 1e7);
[Number(lon) - 0.02, Number(lat) - 0.02, Number(lon) + 0.02, Number(lat) + 0.02].forEach((n, i) => head.writeInt32LE(degrees(n), 102 + 4 * i));
head.writeUInt8(ZOOM, 118);
head.writeInt32LE(degrees(Number(lon)), 119);
head.writeInt32LE(degrees(Number(lat)), 123);
writeFileSync(file, Buffer.concat([head, folder, about, tile]));
