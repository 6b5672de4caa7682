// Starts the islands that a page asks for; a page without any of them loads nothing more.
import { start as once } from './once';
import { start as renew } from './renew';

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
renew();
// A file that is sent before the island that sends it is there waits for it: the browser alone would only load the page anew.
const early = new Set<HTMLFormElement>();
const hold = (event: SubmitEvent) => {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches('[data-upload]')) return;
  event.preventDefault();
  early.add(event.target);
};
document.addEventListener('submit', hold);

for (const [selector, load] of islands) {
  if (!document.querySelector(selector)) continue;
  void load().then((island) => {
    island.start();
    if (selector !== '[data-upload]') return;
    document.removeEventListener('submit', hold);
    early.forEach((form) => form.requestSubmit());
  });
}
