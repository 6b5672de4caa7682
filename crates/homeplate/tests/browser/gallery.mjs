// Opens every sample page in chromium: node gallery.mjs FOLDER ASSETS quick|full [pictures]
//
// At three sizes, light and dark (`quick`: one of each pair): no accessibility fault that axe knows, nothing scrolls sideways, the
// keyboard reaches everything, and nothing breaks the content security policy. The scripts are tried
// too: the preview, the filter, the four comparisons, a countdown, a form that is sent once and, with a software key, passkeys.
import axe from 'axe-core';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { launch } from './shared.mjs';

const [folder, assets, extent, pictures] = process.argv.slice(2);
const shots = join(folder, 'shots');
mkdirSync(shots, { recursive: true });

// The policy of the real server; it stands in `crates/server/src/lib.rs`.
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data: ; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const KINDS = { css: 'text/css', js: 'text/javascript', html: 'text/html; charset=utf-8' };
const SENT = '<!doctype html><title>sent</title><h1>Sent</h1>';
const received = [];
const key = { challenge: 'Y2hhbGxlbmdl', rpId: 'localhost', userVerification: 'required' };
const answers = {
  '/console/passkey/register/start': {
    publicKey: {
      ...key,
      rp: { id: 'localhost', name: 'Oak Hollow' },
      user: { id: 'cGVyXzAx', name: 'dora', displayName: 'Dora' },
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    },
  },
  '/console/passkey/register/finish': { location: '/en/hits.html' },
  '/console/passkey/signin/start': { publicKey: key },
  '/console/passkey/signin/finish': { location: '/en/hits.html' },
  '/console/passkey/confirm/start': { publicKey: key },
};

const server = createServer((request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname;
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => {
    if (request.method === 'POST') received.push({ path, body, headers: request.headers });
    const send = (status, kind, bytes) => {
      response.writeHead(status, { 'content-type': kind, 'content-security-policy': POLICY });
      response.end(bytes);
    };
    // One that takes its time.
    if (path === '/console/handover') return setTimeout(() => send(200, KINDS.html, SENT), 500);
    // As the real server: a question about one plate is not signed.
    if (path.endsWith('/confirm/start') && JSON.parse(body).what === 'ask' && !JSON.parse(body).look_alikes) {
      return send(200, 'application/json', JSON.stringify({ needless: true }));
    }
    if (answers[path]) return send(200, 'application/json', JSON.stringify(answers[path]));
    const file = path.startsWith('/assets/') ? join(assets, path.slice(8)) : join(folder, path);
    // As the real server: a part for the page's script, a whole page for the button.
    const preview = request.headers['hx-request'] ? 'en/preview.html' : 'en/ask.html';
    const target = path === '/console/ask/preview' ? join(folder, preview) : file;
    if (request.method === 'POST' && !existsSync(target)) return send(200, KINDS.html, SENT);
    if (!existsSync(target)) return send(404, 'text/plain', 'not here');
    return send(200, KINDS[target.split('.').pop()] ?? 'text/plain', readFileSync(target));
  });
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const base = `http://localhost:${server.address().port}`;

const browser = await launch();
const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1440, height: 900 }, wall: { width: 2560, height: 1440 } };
const faults = [];
const pages = readdirSync(join(folder, 'en')).filter((f) => !f.startsWith('preview')).sort();

// Scripts of the test's own go past the policy; the page's may not.
async function look(tab, name) {
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) faults.push(`${name} scrolls sideways by ${wide} px`);
  const found = await tab.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source);
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    return (await window.axe.run(document, { runOnly: { type: 'tag', values: tags } })).violations;
  }, axe.source);
  for (const v of found) faults.push(`${name}: ${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ''}`).slice(0, 3).join(' | ')}`);
}

// Everything that can be used is reached by the tab key, in the order of the document, and leaves a mark.
async function keyboard(tab, name) {
  const want = await tab.evaluate(() => {
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
    const can = all.filter((e) => !e.disabled && e.type !== 'hidden' && e.checkVisibility({ visibilityProperty: true }));
    can.forEach((e, i) => e.setAttribute('data-tab', String(i)));
    // From the top, also where a page has put the focus elsewhere.
    const top = Object.assign(document.createElement('span'), { tabIndex: -1 });
    document.body.prepend(top);
    top.focus();
    top.remove();
    window.scrollTo(0, 0);
    return can.length;
  });
  const got = [];
  for (let i = 0; i < want + 12 && got.length < want; i += 1) {
    await tab.keyboard.press('Tab');
    const at = await tab.evaluate(() => {
      const e = document.activeElement;
      const mark = e ? getComputedStyle(e) : null;
      return { tab: e?.getAttribute('data-tab') ?? null, marked: mark ? mark.outlineStyle !== 'none' && parseFloat(mark.outlineWidth) >= 2 : false };
    });
    if (at.tab === null || got.includes(Number(at.tab))) continue;
    if (!at.marked) faults.push(`${name}: focus is not seen on element ${at.tab}`);
    got.push(Number(at.tab));
  }
  if (got.length < want) faults.push(`${name}: the tab key reaches ${got.length} of ${want}`);
  // Parts placed by the stylesheet must not change the order.
  if (got.some((n, i) => i > 0 && n < got[i - 1])) faults.push(`${name}: the tab key jumps back: ${got.join(' ')}`);
}

async function open(options) {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  const complaints = [];
  tab.on('console', (m) => {
    if (m.type() === 'error' && !/404/.test(m.text())) complaints.push(m.text());
  });
  tab.on('pageerror', (e) => complaints.push(String(e)));
  return { context, tab, complaints };
}

async function round(lang, size, scheme) {
  // The test's own script would be stopped by the policy; a second pass below holds it.
  const { context, tab } = await open({ viewport: sizes[size], colorScheme: scheme, reducedMotion: 'reduce', bypassCSP: true });
  for (const file of pages) {
    const name = `${lang}/${file} ${size} ${scheme}`;
    await tab.goto(`${base}/${lang}/${file}`);
    await look(tab, name);
    if (pictures) await tab.screenshot({ path: join(shots, `${file.replace('.html', '')}-${lang}-${size}-${scheme}.png`), fullPage: true });
    if (scheme === 'light' && size !== 'wall') await keyboard(tab, name);
  }
  await context.close();
}

// Spanish has longer words; the narrowest screen shows it.
await Promise.all([round('en', 'desktop', 'light'), round('es', 'phone', 'dark')]);
if (extent === 'full') {
  await Promise.all([round('en', 'phone', 'light'), round('en', 'wall', 'light')]);
  await Promise.all([round('en', 'phone', 'dark'), round('en', 'desktop', 'dark'), round('en', 'wall', 'dark')]);
}

// The checks themselves: planted faults are found.
{
  const { context, tab } = await open({ viewport: sizes.phone, bypassCSP: true });
  await tab.goto(`${base}/en/hits.html`);
  await tab.evaluate(() => {
    const main = document.querySelector('main');
    const pale = Object.assign(document.createElement('p'), { textContent: 'pale' });
    pale.style.cssText = 'color: #aaa; background: #fff; width: 900px';
    const late = Object.assign(document.createElement('a'), { href: '/', textContent: 'first in line' });
    late.tabIndex = 5;
    const mute = Object.assign(document.createElement('button'), { type: 'button' });
    mute.style.outline = 'none';
    main.append(pale, late, mute);
  });
  const before = faults.length;
  await look(tab, 'planted');
  await keyboard(tab, 'planted');
  const found = faults.splice(before).join(' ');
  for (const fault of ['scrolls sideways', 'color-contrast', 'button-name', 'focus is not seen', 'jumps back']) {
    assert.ok(found.includes(fault), `a planted fault is not found: ${fault}: ${found}`);
  }
  await context.close();
}

// Under the server's policy, with every script running.
{
  const { context, tab, complaints } = await open({ viewport: sizes.desktop });
  for (const file of pages.filter((f) => f !== 'street.html')) {
    await tab.goto(`${base}/en/${file}`, { waitUntil: 'networkidle' });
    assert.deepEqual(complaints, [], file);
  }
  // An explicit look wins over the system's.
  await tab.goto(`${base}/en/hits.html`);
  const ground = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await tab.evaluate(() => (document.documentElement.dataset.theme = 'dark'));
  assert.notEqual(await ground(), light, 'a chosen look changes the page');

  await tab.goto(`${base}/en/ask.html`, { waitUntil: 'networkidle' });
  await tab.getByLabel('Find a camera').fill('harbor');
  assert.equal(await tab.locator('#cameras li:visible').count(), 3, 'two that fit, and one that is ticked');
  await tab.getByLabel('Case number').fill('26-0500');
  await tab.locator('#preview').getByText('allowed', { exact: true }).waitFor();
  const preview = received.find((r) => r.path === '/console/ask/preview');
  assert.equal(new URLSearchParams(preview.body).get('case'), '26-0500');
  assert.equal(new URLSearchParams(preview.body).get('csrf'), 'c5rf');
  await tab.getByLabel('Life in danger').check();
  assert.equal(await tab.locator('#send').textContent(), 'Ask now: life in danger');
  // What the script asks for itself is there before: a page that goes away would cut it off.
  await tab.waitForTimeout(1200);
  await tab.getByRole('button', { name: 'Check first' }).click();
  await tab.waitForURL(`${base}/console/ask/preview`);
  await tab.getByRole('heading', { level: 1, name: 'Ask a question' }).waitFor();

  // A note is finished by choosing what was found, not by a key.
  await tab.goto(`${base}/en/audit.html`, { waitUntil: 'networkidle' });
  await tab.getByLabel('What you found').first().fill('looked up his former wife');
  await tab.keyboard.press('Enter');
  await tab.waitForTimeout(300);
  assert.equal(received.filter((r) => r.path.startsWith('/console/audit/alarms/')).length, 0);

  // A second press while the first is on its way sends nothing.
  await tab.goto(`${base}/en/handover.html`, { waitUntil: 'networkidle' });
  await tab.evaluate(async () => {
    const button = document.querySelector('form[action="/console/handover"] button');
    button.click();
    await new Promise((done) => setTimeout(done, 100));
    button.click();
  });
  await tab.getByRole('heading', { name: 'Sent' }).waitFor();
  assert.equal(received.filter((r) => r.path === '/console/handover').length, 1);

  await tab.goto(`${base}/en/people.html`, { waitUntil: 'networkidle' });
  await tab.getByLabel('Find a person or role').fill('clerk');
  assert.equal(await tab.locator('#people > li:visible').count(), 1, 'who is one, not who could become one');

  await tab.goto(`${base}/en/hit.html`, { waitUntil: 'networkidle' });
  const confirm = tab.getByRole('button', { name: /Confirm/ });
  assert.ok(await confirm.isDisabled(), 'nothing is confirmed before it is compared');
  for (const key of ['1', '2', '3', '4']) await tab.keyboard.press(key);
  assert.ok(await confirm.isEnabled(), 'four keys tick the four comparisons');
  await tab.goto(`${base}/en/hit-alike.html`, { waitUntil: 'networkidle' });
  for (const box of await tab.locator('[data-verdict] input[type=checkbox]').all()) await box.check();
  const first = tab.locator('[value=correct]');
  assert.ok(await first.isDisabled(), 'what was read otherwise is typed');
  await tab.getByLabel('as you read it in the picture').fill('7ABC12B');
  assert.ok(await first.isEnabled());
  assert.deepEqual(complaints, []);
  await context.close();
}

// A countdown goes by the server's clock, whatever the visitor's says.
for (const time of ['2025-01-01T00:00:00Z', '2030-01-01T00:00:00Z']) {
  const { context, tab, complaints } = await open({ viewport: sizes.phone });
  let loads = 0;
  tab.on('request', (r) => (loads += Number(r.isNavigationRequest())));
  await tab.clock.install({ time: new Date(time) });
  await tab.goto(`${base}/en/off-scheduled.html`);
  await tab.locator('[data-countdown]', { hasText: /^1 × 24 h \+ 00:00:\d\d$/ }).waitFor();
  await tab.waitForTimeout(2500);
  assert.equal(loads, 1, `at ${time} the page is asked for again and again`);
  assert.deepEqual(complaints, []);
  await context.close();
}

// Passkeys, with a key in software.
{
  const { context, tab, complaints } = await open({ viewport: sizes.phone });
  const wire = await context.newCDPSession(tab);
  await wire.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
  const { authenticatorId } = await wire.send('WebAuthn.addVirtualAuthenticator', { options });
  const last = (path) => received.filter((r) => r.path === path).at(-1);

  await tab.goto(`${base}/en/register.html`, { waitUntil: 'networkidle' });
  await tab.getByLabel('Name of this passkey').fill('phone');
  await tab.getByRole('button', { name: 'Make the passkey' }).click();
  await tab.waitForURL(`${base}/en/hits.html`);
  const made = JSON.parse(last('/console/passkey/register/finish').body);
  assert.equal(made.label, 'phone');
  assert.equal(made.invitation, 'inv_5tR9');
  assert.equal(made.credential.type, 'public-key');
  assert.ok(made.credential.response.attestationObject);
  assert.equal(last('/console/passkey/register/finish').headers['x-csrf'], 'c5rf');

  await tab.goto(`${base}/en/signin.html`, { waitUntil: 'networkidle' });
  await tab.getByRole('button', { name: 'Sign in with passkey' }).click();
  await tab.waitForURL(`${base}/en/hits.html`);
  const got = JSON.parse(last('/console/passkey/signin/finish').body);
  assert.equal(got.id, made.credential.id, 'the key that was made');
  assert.ok(got.response.signature && got.response.authenticatorData);

  await tab.goto(`${base}/en/proposal.html`, { waitUntil: 'networkidle' });
  await tab.getByRole('button', { name: 'Sign with passkey' }).click();
  await tab.getByRole('heading', { name: 'Sent' }).waitFor();
  const started = JSON.parse(last('/console/passkey/confirm/start').body);
  assert.equal(started.what, 'sign');
  assert.equal(started.hash.length, 64);
  const signed = received.filter((r) => r.path.endsWith('/sign')).at(-1);
  assert.ok(JSON.parse(new URLSearchParams(signed.body).get('assertion')).response.signature);

  // A question: signed where the server wants it, sent as it is where not.
  for (const far of [true, false]) {
    await tab.goto(`${base}/en/ask.html`, { waitUntil: 'networkidle' });
    await tab.getByLabel('Look-alikes too').setChecked(far);
    await tab.getByLabel('Purpose').selectOption('hit-and-run');
    await tab.getByRole('button', { name: 'Ask', exact: true }).click();
    await tab.getByRole('heading', { name: 'Sent' }).waitFor();
    const begun = JSON.parse(last('/console/passkey/confirm/start').body);
    assert.deepEqual([begun.what, begun.purpose, begun.cameras], ['ask', 'hit-and-run', ['cam_0000', 'cam_0001']]);
    const sent = new URLSearchParams(last('/console/ask').body);
    assert.equal(sent.get('assertion') !== '', far);
    if (far) assert.ok(JSON.parse(sent.get('assertion')).response.signature);
  }

  // A key that says no: told in words, nothing is sent.
  await wire.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  const before = received.filter((r) => r.path.endsWith('/finish')).length;
  await tab.goto(`${base}/en/signin.html`, { waitUntil: 'networkidle' });
  await tab.getByRole('button', { name: 'Sign in with passkey' }).click();
  await tab.locator('#passkey-status', { hasText: 'The passkey was not used' }).waitFor();
  assert.equal(received.filter((r) => r.path.endsWith('/finish')).length, before);
  assert.deepEqual(complaints, []);
  await context.close();
}

await browser.close();
server.close();
assert.deepEqual(faults, [], faults.join('\n'));
