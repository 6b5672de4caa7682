// What goes on, as it happens: an event says that something is new, and the page is asked again for the part that shows it.
// Without a line the page says that it is not live; a browser reconnects by itself.

/** So many milliseconds after a line was refused it is asked for again. */
const AGAIN = 5000;

/** At most one question in so many milliseconds. */
const PAUSE = 400;

/** Within so many milliseconds it is asked after what need not be seen at once: a whole city's pages do not ask together. */
const SPREAD = 2000;

/** What somebody waits for: a vehicle that is looked for, and a drill, which is timed like one. */
const AT_ONCE = ['hit.raised', 'drill.started'];

/** How long an event may wait. One that cannot be read may be anything. */
function patience(data: string): number {
  try {
    const { kind } = JSON.parse(data) as { kind?: string };
    return kind === undefined || AT_ONCE.includes(kind) ? 0 : SPREAD;
  } catch {
    return 0;
  }
}

/** A line on which nothing comes for so many milliseconds is none: the server says every 15 seconds that it is there. */
const SILENCE = 40_000;

/** An answer that takes so many milliseconds does not come any more. */
const PATIENCE = 30_000;

/** A press is waited for so many milliseconds at the most: its end may never be told to the page. */
const PRESS = 3000;

/** Whether a finger or a button is down, and what waits until it is up. */
let down = false;
let waiting: (() => void)[] = [];

/** Resolves when nothing is pressed: a press whose place is taken away meanwhile would be none. */
export const lifted = (): Promise<void> =>
  new Promise((done) => {
    if (!down) return done();
    waiting.push(done);
    setTimeout(done, PRESS);
  });

function heedPresses(): void {
  // Other buttons than the first open menus, and a menu may swallow what ends the press.
  document.addEventListener('pointerdown', (event) => (down ||= event.button === 0), true);
  const lift = () => {
    down = false;
    // The click comes after this, and first.
    setTimeout(() => {
      waiting.forEach((go) => go());
      waiting = [];
    });
  };
  for (const end of ['pointerup', 'pointercancel', 'contextmenu', 'visibilitychange']) document.addEventListener(end, lift, true);
  window.addEventListener('blur', lift);
}

async function refresh(from: string, what: string): Promise<void> {
  const answer = await fetch(from, { headers: { accept: 'text/html', 'x-live': '1' }, signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector<HTMLElement>(what);
  await lifted();
  const here = document.querySelector<HTMLElement>(what);
  if (!fresh || !here) return;
  const open = new Set([...here.querySelectorAll('details')].map((d, n) => (d.open ? n : -1)));
  // The server's own page, made safe there; what is open and what has the focus stays so.
  const focus = document.activeElement instanceof HTMLAnchorElement ? document.activeElement.getAttribute('href') : null;
  here.replaceChildren(...fresh.childNodes);
  here.dataset.count = fresh.dataset.count ?? '';
  here.querySelectorAll('details').forEach((d, n) => (d.open = d.open || open.has(n)));
  document.dispatchEvent(new Event('refreshed'));
  if (focus) here.querySelector<HTMLElement>(`a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
}

export function start(): void {
  const sign = document.querySelector<HTMLElement>('[data-live]');
  const what = sign?.dataset.what;
  if (!sign || !what) return;
  // A page that answers a form has another address than the one that shows what goes on.
  const from = sign.dataset.from ?? location.href;
  const title = document.title;
  const count = () => {
    const n = Number(document.querySelector<HTMLElement>(what)?.dataset.count ?? 0);
    document.title = n > 0 ? `(${n}) ${title}` : title;
  };
  // It is live where there is a line, and what came by it could be asked for.
  let line = false;
  let shown = true;
  const say = () => {
    const on = line && shown;
    sign.textContent = (on ? sign.dataset.on : sign.dataset.off) ?? '';
    sign.classList.toggle('good', on);
    sign.classList.toggle('bad', !on);
  };
  let timer = 0;
  let due = 0;
  let asked = -PAUSE;
  // Whatever waits is asked for together. Only what is to be seen at once is waited for less long: of a crowd of events
  // the one with the least patience would come at the same moment everywhere.
  const ask = (spread = 0) => {
    const now = performance.now();
    const next = Math.max(now + Math.random() * spread, asked + PAUSE);
    if (timer && (spread > 0 || due <= next)) return;
    window.clearTimeout(timer);
    due = next;
    timer = window.setTimeout(() => {
      timer = 0;
      asked = performance.now();
      const told = (done: boolean) => {
        shown = done;
        if (done) count();
        say();
      };
      refresh(from, what).then(() => told(true), () => told(false));
    }, next - now);
  };
  count();
  heedPresses();
  const listen = () => {
    const events = new EventSource(sign.dataset.live ?? '');
    let silence = 0;
    const heard = () => {
      window.clearTimeout(silence);
      // Whoever is gone without a word breaks no line that a browser could see.
      silence = window.setTimeout(lost, SILENCE);
    };
    const lost = () => {
      window.clearTimeout(silence);
      events.close();
      line = false;
      say();
      later();
    };
    heard();
    events.addEventListener('open', () => {
      heard();
      line = true;
      say();
      // What happened while there was no line.
      ask();
    });
    events.addEventListener('beat', heard);
    events.addEventListener('message', (event) => {
      heard();
      ask(patience(String(event.data)));
    });
    // What was missed may be anything.
    events.addEventListener('lagged', () => {
      heard();
      ask();
    });
    events.addEventListener('error', () => {
      // A browser comes again after a broken line, not after an answer: a proxy gives one while the server starts anew.
      if (events.readyState === EventSource.CLOSED) return lost();
      line = false;
      say();
    });
  };
  // Not all at the same time, and whoever is signed in no longer not at all.
  const later = () => {
    setTimeout(() => {
      refresh(from, what).then(listen, (e: unknown) => {
        if (!(e instanceof Error && /^40[13]$/.test(e.message))) later();
      });
    }, AGAIN * (1 + Math.random()));
  };
  listen();
}
