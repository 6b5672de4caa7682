// Starts the islands that a page asks for; a page without any of them loads nothing more.
import { start as once } from './once';

const islands: [string, () => Promise<{ start: () => void }>][] = [
  ['[data-passkey]', () => import('./passkey')],
  ['[data-verdict]', () => import('./hit')],
  ['[data-filter]', () => import('./filter')],
  ['[data-breakglass]', () => import('./breakglass')],
  ['[data-notify]', () => import('./notify')],
  ['[data-copy]', () => import('./copy')],
  ['[data-live]', () => import('./live')],
  ['[data-upload]', () => import('./upload')],
  ['[data-map]', () => import('./map')],
  ['[data-near]', () => import('./near')],
  ['[data-countdown]', () => import('./countdown')],
  ['[hx-post]', () => import('./preview')],
];

once();
for (const [selector, load] of islands) {
  if (document.querySelector(selector)) void load().then((island) => island.start());
}
