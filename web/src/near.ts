// Puts hits in the order of how far they are from here, and goes on doing so as one drives. Where somebody stands stays on
// their device.
import { lifted } from './live';

const EARTH_KM = 6371;

/** A place that is older than so many milliseconds says nothing of where somebody is. */
const FRESH = 60_000;

/** Kilometres between two places, both in degrees (haversine). */
export function away(lat: number, lon: number, toLat: number, toLon: number): number {
  const rad = (degrees: number) => (degrees * Math.PI) / 180;
  const a = Math.sin(rad(toLat - lat) / 2) ** 2 + Math.cos(rad(lat)) * Math.cos(rad(toLat)) * Math.sin(rad(toLon - lon) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(a)));
}

type Here = { latitude: number; longitude: number };

/** Writes how far it is beside the time of a hit, which stays. */
function tell(item: HTMLElement, words: string): void {
  let told = item.querySelector('.away');
  if (!told) {
    told = document.createElement('span');
    told.className = 'away';
    item.querySelector('.num')?.append(told);
  }
  told.textContent = words;
}

function order(button: HTMLButtonElement, here: Here): void {
  const list = document.querySelector(button.dataset.near ?? '');
  if (!list) return;
  const far = (item: HTMLElement) =>
    item.dataset.lat && item.dataset.lon ? away(here.latitude, here.longitude, Number(item.dataset.lat), Number(item.dataset.lon)) : Infinity;
  const before = [...list.querySelectorAll<HTMLElement>('li')];
  const items = before.map((item) => ({ item, km: far(item) }));
  items.sort((a, b) => a.km - b.km);
  // What stands right already is not moved: the focus would be lost with it.
  if (items.some(({ item }, n) => item !== before[n])) list.append(...items.map(({ item }) => item));
  for (const { item, km } of items) {
    if (Number.isFinite(km)) tell(item, (button.dataset.away ?? '{n} km').replace('{n}', km.toFixed(1)));
  }
}

export function start(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-near]')) {
    const name = button.textContent;
    let here: Here | null = null;
    let at = 0;
    let watching = false;
    // What comes anew is put in the same order.
    document.addEventListener('refreshed', () => here && order(button, here));
    const moved = ({ coords, timestamp }: GeolocationPosition) => {
      here = coords;
      at = timestamp;
      button.textContent = name;
      // Nothing moves away under a finger.
      void lifted().then(() => here && order(button, here));
    };
    const refused = (why: GeolocationPositionError) => {
      // Whoever says no may say yes at another press; everything else may be over in a moment.
      if (why.code === why.PERMISSION_DENIED) watching = false;
      else if (here && Date.now() - at < FRESH) return;
      here = null;
      button.textContent = button.dataset.refused ?? '';
      document.querySelectorAll(`${button.dataset.near ?? ''} .away`).forEach((told) => told.remove());
    };
    button.addEventListener('click', () => {
      if (watching) return;
      watching = true;
      navigator.geolocation.watchPosition(moved, refused, { maximumAge: 10_000, timeout: 10_000 });
    });
  }
}
