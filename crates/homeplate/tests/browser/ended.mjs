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
      for (const reader = answer.body.getReader(); !(await reader.read()).done;);
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
assert.deepEqual(complaints, []);

// While the server starts anew a proxy answers in its place: the page says so, and asks again by itself.
const events = '**/console/events';
await otto.route(events, (asked) => asked.fulfill({ status: 502 }));
await otto.reload();
await otto.locator('[data-live].bad').waitFor();
await otto.unroute(events);
await otto.locator('[data-live].good').waitFor();
await browser.close();
