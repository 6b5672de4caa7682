// Has this browser told of hits: it registers a script that is woken by the push service of its maker, and
// says to the city where that service takes messages.

import { Told, post } from './post';

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, (c) => c.charCodeAt(0));
}

const same = (a: ArrayBuffer | null, b: Uint8Array): boolean =>
  a !== null && a.byteLength === b.length && new Uint8Array(a).every((byte, i) => byte === b[i]);

async function subscribed(key: Uint8Array<ArrayBuffer>): Promise<PushSubscription> {
  await navigator.serviceWorker.register('/sw.js');
  const worker = await navigator.serviceWorker.ready;
  const old = await worker.pushManager.getSubscription();
  if (old && same(old.options.applicationServerKey, key)) return old;
  // One for another key of the city: nothing would come through it any more.
  if (old) await old.unsubscribe();
  return worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function register(button: HTMLButtonElement, name: string): Promise<void> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Told('blocked');
  const { endpoint, keys } = (await subscribed(bytes(button.dataset.notify ?? ''))).toJSON();
  if (!endpoint || !keys?.p256dh || !keys.auth) throw new Told('failed');
  await post('/console/notify/browser', { name, subscription: { endpoint, p256dh: keys.p256dh, auth: keys.auth } });
  location.assign('/console/notify');
}

const able = (): boolean =>
  window.isSecureContext && 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

export function start(): void {
  const button = document.querySelector<HTMLButtonElement>('[data-notify]');
  const status = document.getElementById('notify-status');
  const field = document.querySelector<HTMLInputElement>('#device');
  if (!button || !status || !field) return;
  const say = (word: string, more = ''): void => {
    status.hidden = false;
    status.dataset.state = word === 'working' ? 'working' : 'failed';
    status.textContent = more || (status.getAttribute(`data-${word}`) ?? '');
  };
  if (!able()) {
    button.disabled = true;
    say('unsupported');
    return;
  }
  field.addEventListener('keydown', (e) => {
    if (e.key === 'Enter') button.click();
  });
  button.addEventListener('click', () => {
    if (!field.reportValidity() || button.getAttribute('aria-busy') === 'true') return;
    button.setAttribute('aria-busy', 'true');
    say('working');
    register(button, field.value)
      .catch((e: unknown) => {
        if (e instanceof Told) say(e.word, e.message);
        else say(e instanceof DOMException && e.name === 'NotAllowedError' ? 'blocked' : 'failed');
      })
      .finally(() => button.removeAttribute('aria-busy'));
  });
}
