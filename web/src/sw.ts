// Woken by the push service when the city tells this browser something: shows it, and opens its page of this
// console when it is pressed. It keeps nothing and stands between no page and the server.

interface Said {
  heading?: string;
  text?: string;
  link?: string;
  topic?: string;
}

interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Pushed extends Waiting {
  readonly data: { json(): unknown } | null;
}

interface Pressed extends Waiting {
  readonly notification: Notification;
}

interface Tab {
  readonly url: string;
  focus(): Promise<unknown>;
}

interface Worker {
  readonly registration: ServiceWorkerRegistration;
  readonly location: Location;
  readonly clients: { matchAll(of: { type: 'window' }): Promise<Tab[]>; openWindow(url: string): Promise<unknown> };
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (e: never) => void): void;
}

const worker = self as unknown as Worker;

/** A page of this console and nothing else, whatever the message says. */
function page(link: unknown): string {
  const home = `${worker.location.origin}/console`;
  if (typeof link !== 'string') return home;
  const url = new URL(link, worker.location.origin);
  return url.origin === worker.location.origin && url.pathname.startsWith('/console') ? url.href : home;
}

worker.addEventListener('install', (e: Waiting) => e.waitUntil(worker.skipWaiting()));

worker.addEventListener('push', (e: Pushed) => {
  let said: Said = {};
  try {
    said = (e.data?.json() ?? {}) as Said;
  } catch {
    // A message that cannot be read is shown all the same: browsers want every one to be seen.
  }
  const shown = { body: said.text ?? '', tag: said.topic ?? 'hit', renotify: true, requireInteraction: true, data: page(said.link) };
  e.waitUntil(worker.registration.showNotification(said.heading ?? 'Homeplate', shown));
});

async function open(url: string): Promise<void> {
  const tabs = await worker.clients.matchAll({ type: 'window' });
  const there = tabs.find((tab) => tab.url === url);
  await (there ? there.focus() : worker.clients.openWindow(url));
}

worker.addEventListener('notificationclick', (e: Pressed) => {
  e.notification.close();
  e.waitUntil(open(page(e.notification.data)));
});
