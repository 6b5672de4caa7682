// Somebody who leaves hears nothing more: node ended.mjs BASE EXECUTABLE FOLDER LEAVING_LINK STAYING_LINK SHOTS
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { enter, launch, opened } from './shared.mjs';

const [base, exe, folder, leaving, staying, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const live = async (link) => {
  const tab = await enter(await opened(browser, complaints), link);
  await tab.goto(`${base}/console`);
  await tab.locator('[data-live].good').waitFor();
  // The stream itself, beside the page's own.
  await tab.evaluate(() => {
    const listen = async () => {
      const answer = await fetch('/console/events');
      document.body.dataset.stream = String(answer.status);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        if (part.value.includes('event: beat')) document.body.dataset.beat = '';
      }
      document.body.dataset.stream = 'closed';
    };
    void listen();
  });
  await tab.locator('body[data-stream="200"]').waitFor();
  return tab;
};
const [dora, otto] = [await live(leaving), await live(staying)];

const env = { ...process.env, HOMEPLATE_SERVER: base, HOMEPLATE_KEY: join(folder, 'admin.key') };
execFileSync(exe, ['person', 'leave', 'per_dora'], { cwd: folder, encoding: 'utf8', env });

// The server asks anew every ten seconds.
await dora.locator('body[data-stream=closed]').waitFor({ timeout: 25_000 });
await dora.locator('[data-live].bad').waitFor();
assert.match(await dora.locator('[data-live]').textContent(), /not live/);
await dora.screenshot({ path: `${shots}/ended-desktop.png` });
const status = await dora.evaluate(() => fetch('/console/events').then((answer) => answer.status));
assert.ok([401, 403].includes(status), `a new one is refused: ${status}`);
assert.equal(await otto.locator('body').getAttribute('data-stream'), '200', 'who stays goes on listening');
assert.equal(await otto.locator('[data-live].good').count(), 1);
// Where nothing happens the line says that it is there, in a way that a script can hear.
await otto.locator('body[data-beat]').waitFor({ timeout: 20_000 });
assert.deepEqual(complaints, []);

// A menu that swallows the end of a press, and a press whose end is never told, keep what is new back for no long time.
const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
for (const [button, plate] of [[2, '7ABC128'], [0, '8XYZ417']]) {
  await otto.evaluate((pressed) => {
    // What is no new hit waits for up to two seconds by itself.
    Math.random = () => 0;
    document.querySelector('#now').firstElementChild.setAttribute('data-old', '');
    document.body.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, button: pressed }));
  }, button);
  execFileSync(exe, ['hotlist', plate, '--reason', 'stolen vehicle', '--case', '26-0417', '--expires', tomorrow], { cwd: folder, encoding: 'utf8', env });
  await otto.locator('#now [data-old]').waitFor({ state: 'detached', timeout: button === 2 ? 2500 : 10_000 });
}

// While the server starts anew a proxy answers in its place: the page says so, and asks again by itself.
const events = '**/console/events';
await otto.route(events, (asked) => asked.fulfill({ status: 502 }));
await otto.reload();
await otto.locator('[data-live].bad').waitFor();
await otto.unroute(events);
await otto.locator('[data-live].good').waitFor();

// A line that brings nothing any more and never breaks: the page says so by itself, and asks for another.
await otto.addInitScript(() => {
  window.EventSource = class extends EventTarget {
    static CLOSED = 2;
    readyState = 1;
    constructor() {
      super();
      window.line = this;
      queueMicrotask(() => this.dispatchEvent(new Event('open')));
    }
    close() {
      this.readyState = 2;
    }
  };
});
await otto.clock.install();
await otto.reload();
await otto.locator('[data-live].good').waitFor();
await otto.clock.fastForward(41_000);
await otto.locator('[data-live].bad').waitFor();
await otto.clock.fastForward(11_000);
await otto.locator('[data-live].good').waitFor();

// What is no new hit waits, or every page would ask at the same moment; a new hit is asked for at once all the same.
await otto.waitForTimeout(1000);
const tell = (kind) => otto.evaluate((said) => {
  Math.random = () => 0.999;
  window.line.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ kind: said }) }));
}, kind);
const isLive = (request) => 'x-live' in request.headers();
let early = 0;
otto.on('request', (request) => (early += isLive(request) ? 1 : 0));
for (let n = 0; n < 20; n += 1) await tell('camera.moved');
await otto.waitForTimeout(300);
assert.equal(early, 0, 'it waits');
const soon = otto.waitForRequest(isLive, { timeout: 1200 });
await tell('hit.raised');
await soon;
await browser.close();
