// Puts hits in the order of how far they are from here. Where somebody stands stays on their device.

const EARTH_KM = 6371;

/** Kilometres between two places, both in degrees (haversine). */
export function away(lat: number, lon: number, toLat: number, toLon: number): number {
  const rad = (degrees: number) => (degrees * Math.PI) / 180;
  const a = Math.sin(rad(toLat - lat) / 2) ** 2 + Math.cos(rad(lat)) * Math.cos(rad(toLat)) * Math.sin(rad(toLon - lon) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(a)));
}

type Here = { latitude: number; longitude: number };

function order(button: HTMLButtonElement, here: Here): void {
  const list = document.querySelector(button.dataset.near ?? '');
  if (!list) return;
  const far = (item: HTMLElement) =>
    item.dataset.lat && item.dataset.lon ? away(here.latitude, here.longitude, Number(item.dataset.lat), Number(item.dataset.lon)) : Infinity;
  const items = [...list.querySelectorAll<HTMLElement>('li')].map((item) => ({ item, km: far(item) }));
  items.sort((a, b) => a.km - b.km);
  for (const { item, km } of items) {
    list.append(item);
    const shown = item.querySelector('.num');
    if (shown && Number.isFinite(km)) shown.textContent = (button.dataset.away ?? '{n} km').replace('{n}', km.toFixed(1));
  }
}

export function start(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-near]')) {
    // What comes anew is put in the same order.
    let here: Here | null = null;
    document.addEventListener('refreshed', () => here && order(button, here));
    button.addEventListener('click', () => {
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => {
          here = coords;
          order(button, coords);
        },
        () => (button.textContent = button.dataset.refused ?? ''),
        { maximumAge: 60_000, timeout: 10_000 },
      );
    });
  }
}
