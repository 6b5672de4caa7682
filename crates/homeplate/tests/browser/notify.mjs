// How somebody is told: node notify.mjs BASE_URL CONSOLE_LINK LETTER SCREENSHOTS
//
// The address and its link, a device that registers itself, and the script that a push wakes. No push service is
// reached: what one would answer is put in its place, and what one would deliver comes through the browser's
// debugging interface.
import axe from 'axe-core';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { launch } from './shared.mjs';

const [base, link, letter, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
await context.grantPermissions(['notifications'], { origin: base });
// What a push service would have answered the browser; the page's own script does the rest.
await context.addInitScript(() => {
  const key = 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4';
  window.PushManager.prototype.subscribe = async (options) => {
    window.asked = { visible: options.userVisibleOnly, key: options.applicationServerKey.byteLength };
    return { toJSON: () => ({ endpoint: 'https://push.invalid/send/abc', keys: { p256dh: key, auth: 'BTBZMqHH6r4Tts7J_aSIgg' } }) };
  };
});
const tab = await context.newPage();
const complaints = [];
tab.on('console', (m) => { if (m.type() === 'error') complaints.push(m.text()); });
tab.on('pageerror', (e) => complaints.push(String(e)));

async function looks(name) {
  for (const [size, width, height] of [['phone', 390, 844], ['desktop', 1440, 900]]) {
    await tab.setViewportSize({ width, height });
    const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name} scrolls sideways by ${wide} px`);
    // Put in by the debugging interface, which the page's policy does not bind.
    await tab.evaluate(axe.source);
    const found = await tab.evaluate(async () => (await window.axe.run(document)).violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`));
    assert.deepEqual(found, [], `${name}, ${size}`);
    await tab.screenshot({ path: `${shots}/${name}-${size}.png`, fullPage: true });
  }
}

await tab.goto(link);
await tab.getByRole('button', { name: 'Open the console' }).click();
await tab.getByRole('link', { name: 'How I am told' }).click();
await tab.getByRole('heading', { level: 1, name: 'How I am told' }).waitFor();
await looks('notify-empty');

// An address that is none comes back; one that is gets a link, and counts when that was opened.
await tab.locator('#address').evaluate((field) => { field.type = 'text'; });
await tab.locator('#address').fill('nobody');
await tab.getByRole('button', { name: 'Send the link' }).click();
await tab.getByText('Write one e-mail address').first().waitFor();
assert.equal(await tab.locator('#address').inputValue(), 'nobody');
complaints.length = 0; // The browser counts the refused form as one.
await tab.locator('#address').fill('dora@c.example');
await tab.getByRole('button', { name: 'Send the link' }).click();
await tab.getByText('A link is on its way to dora@c.example').waitFor();
for (let i = 0; i < 100 && !existsSync(letter); i += 1) await tab.waitForTimeout(100);
const path = /\/console\/notify\/confirm\/[0-9a-f]{32}/.exec(readFileSync(letter, 'utf8'));
assert.ok(path, 'the mail has a link');
await tab.goto(base + path[0]);
await tab.getByRole('heading', { name: 'Is this your address?' }).waitFor();
await looks('notify-confirm');
await tab.getByRole('button', { name: 'Yes, tell me there' }).click();
await tab.getByText('you are told there.').waitFor();

// This device registers itself, with the city's key.
await tab.locator('#device').fill('desk at the window');
await tab.getByRole('button', { name: 'Tell me on this device' }).click();
await tab.getByRole('heading', { name: 'desk at the window' }).waitFor();
await looks('notify');
const worker = await tab.evaluate(async () => {
  const there = await navigator.serviceWorker.getRegistration('/');
  return { scope: there?.scope, script: (there?.active ?? there?.waiting ?? there?.installing)?.scriptURL };
});
assert.deepEqual(worker, { scope: `${base}/`, script: `${base}/sw.js` });

// The test says how each way went.
await tab.getByRole('button', { name: 'Send me a test' }).click();
const tried = tab.locator('section', { has: tab.getByRole('heading', { name: 'The test' }) });
await tried.getByRole('heading', { name: 'dora@c.example' }).waitFor();
assert.match(await tried.textContent(), /not sent.*desk at the window/s);
await looks('notify-tried');

await pushed();
await tab.goto(`${base}/console/notify`);
await tab.getByRole('button', { name: 'Remove desk at the window' }).click();
await tab.getByText('None of your devices is told').waitFor();
await tab.getByRole('button', { name: 'Forget the address' }).click();
await tab.getByRole('heading', { level: 1 }).waitFor();
assert.equal(await tab.getByText('you are told there.').count(), 0);
assert.deepEqual(complaints, []);
await browser.close();

// What the script shows when a push comes: heading, text, and a page of this console alone.
async function pushed() {
  const session = await context.newCDPSession(tab);
  const known = new Promise((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', (e) => {
      const one = e.registrations.find((r) => r.scopeURL === `${base}/`);
      if (one) resolve(one.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  const registrationId = await known;
  for (const [link, page] of [[`${base}/console/hits/hit_1`, `${base}/console/hits/hit_1`], ['https://evil.example/', `${base}/console`]]) {
    const data = JSON.stringify({ heading: 'Hit 4711', text: 'It waits.', link, topic: 'hit_1' });
    await session.send('ServiceWorker.deliverPushMessage', { origin: base, registrationId, data });
    await tab.waitForFunction(async (page) => {
      const there = await navigator.serviceWorker.getRegistration('/');
      const shown = await there.getNotifications();
      return shown.some((n) => n.title === 'Hit 4711' && n.body === 'It waits.' && n.data === page);
    }, page, { timeout: 10_000 });
  }
}
