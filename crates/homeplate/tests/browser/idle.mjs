// A desk that nobody touches for half an hour is signed out, however live its page is:
// node idle.mjs BASE LINK OFFSET SHOTS (OFFSET is the file by which the server's clock is moved)
import { mkdirSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { enter, launch, opened } from './shared.mjs';

const [base, link, offset, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch(['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist']);
const complaints = [];
const tab = await enter(await opened(browser, complaints), link);
/** The server's clock, so many minutes on. */
const later = async (minutes) => {
  writeFileSync(offset, `+${minutes}m\n`);
  await tab.waitForTimeout(100);
};
const page = async () => (await tab.goto(`${base}/console`)).status();
const drawn = async () => {
  await tab.locator('[data-map]').scrollIntoViewIfNeeded();
  await tab.locator('[data-map][data-drawn]').waitFor({ timeout: 60_000 });
};
const own = () => tab.evaluate(() => fetch('/console', { headers: { accept: 'text/html', 'x-live': '1' } }).then((a) => a.status));

// Whoever goes on working stays in.
for (const minutes of [0, 25, 50]) {
  await later(minutes);
  assert.equal(await page(), 200, `after ${minutes} minutes`);
  // Until all that belongs to a page is there, it may still be asked for.
  await drawn();
}
// What the page asks by itself is nobody's work.
await later(75);
assert.equal(await own(), 200);
const map = tab.waitForResponse((answer) => new URL(answer.url()).pathname === '/console/map.json');
await tab.evaluate(() => document.dispatchEvent(new Event('refreshed')));
assert.equal((await map).status(), 200);
await later(85);
assert.equal(await own(), 401, 'half an hour after somebody was there');
assert.equal(await page(), 401);
await tab.getByRole('heading', { level: 1 }).waitFor();
assert.equal(await tab.locator('[data-live]').count(), 0, 'nothing of the desk is shown');
await tab.screenshot({ path: `${shots}/idle-desktop.png` });
assert.deepEqual(complaints, []);
await browser.close();
