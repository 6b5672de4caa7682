// The cameras on the map, with streets and a layer of the city's own: node map.mjs BASE LINK SHOTS
import axe from 'axe-core';
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';
import { DESKTOP, PHONE, enter, launch, opened } from './shared.mjs';

const [base, link, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
// There is no graphics card here: WebGL in software, and in a second browser none at all.
const drawing = await launch(['--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist']);
const heard = (m) => ['error', 'warning'].includes(m.type());
const complaints = [];
const tab = await enter(await opened(drawing, complaints, { heard }), link);
// Letters of labels are drawn in the browser, one by one.
await tab.addInitScript(() => {
  window.letters = new Set();
  for (const kind of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
    const draws = kind.prototype.fillText;
    kind.prototype.fillText = function (text, ...more) {
      window.letters.add(text);
      return draws.call(this, text, ...more);
    };
  }
});
const asked = [];
tab.on('response', (r) => asked.push([r.status(), new URL(r.url()).pathname]));
await tab.goto(`${base}/console/cameras`);
await tab.locator('[data-map][data-drawn]').waitFor({ timeout: 60_000 }).catch((e) => assert.fail(`${e} ${complaints.join(' | ')} ${asked.map((a) => a.join(' ')).join(', ')}`));
assert.equal(await tab.locator('.pin').count(), 2);
assert.equal(await tab.locator('figure svg.drawing').count(), 0, 'the map is in the place of the drawing');
assert.match(await tab.locator('.pin').first().getAttribute('aria-label'), /: /);
await tab.getByText('Streets by the city').waitFor();
assert.ok(asked.some(([status, path]) => status === 206 && path.endsWith('.pmtiles')), 'the streets are read in parts');
assert.ok(asked.some(([status, path]) => status === 200 && path.endsWith('/layers/0')));

// Streets and places have their names, in the machine's own letters: nothing is asked of anybody for them.
const written = await tab.waitForFunction((words) => [...words].every((letter) => window.letters.has(letter)), 'MainStreetCallePeñaOldTown', { timeout: 30_000 }).then(() => true, () => false);
assert.ok(written, `letters: ${await tab.evaluate(() => [...window.letters].join(''))}`);
assert.ok(asked.every(([, path]) => !/glyphs|fonts?\b|\.pbf/.test(path)), 'no glyphs are fetched');

// What is drawn differs with and without the layer: it is on the map.
const canvas = tab.locator('.maplibregl-canvas');
await tab.waitForTimeout(1500);
const before = await canvas.screenshot();
await tab.getByLabel('Precincts').uncheck();
await tab.waitForTimeout(800);
const without = await canvas.screenshot();
assert.notDeepEqual(before, without, 'a layer is drawn');
await tab.getByLabel('Precincts').check();

// A pin leads to what the page says of its camera.
await tab.locator('.pin').first().click();
assert.match(new URL(tab.url()).hash, /^#camera-/);
assert.equal(await tab.locator(':target').count(), 1);
await tab.evaluate(() => window.scrollTo(0, 0));
await tab.waitForTimeout(500);
await tab.screenshot({ path: `${shots}/map-desktop.png` });
await tab.setViewportSize(PHONE);
await tab.waitForTimeout(500);
await tab.locator('[data-map]').scrollIntoViewIfNeeded();
await tab.screenshot({ path: `${shots}/map-phone.png`, fullPage: true });
const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
assert.ok(wide <= 390, `${wide} wide`);
await tab.setViewportSize(DESKTOP);
assert.deepEqual(complaints, [], 'nothing is against the policy');

// No fault of accessibility; the test's own script goes past the policy.
const state = await tab.context().storageState();
const looked = await opened(drawing, [], { storageState: state, bypassCSP: true });
await looked.goto(`${base}/console/cameras`);
await looked.locator('[data-map][data-drawn]').waitFor({ timeout: 60_000 });
const faults = await looked.evaluate(async (source) => {
  (0, eval)(source);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
  return (await window.axe.run(document, { runOnly: { type: 'tag', values: tags } })).violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`);
}, axe.source);
assert.deepEqual(faults, []);

// The first page has a map too, and fetches what draws it only when it is seen.
await looked.goto(`${base}/console`);
await looked.locator('[data-map]').scrollIntoViewIfNeeded();
await looked.locator('[data-map][data-drawn]').waitFor({ timeout: 60_000 });
await looked.screenshot({ path: `${shots}/map-now.png`, fullPage: true });

// Where nothing can draw it the drawing stays.
const plain = await launch(['--disable-gpu', '--disable-3d-apis']);
const none = [];
const simple = await opened(plain, none, { storageState: state, heard });
await simple.goto(`${base}/console/cameras`, { waitUntil: 'networkidle' });
assert.equal(await simple.locator('figure svg.drawing').count(), 1);
assert.deepEqual(none, []);
await Promise.all([drawing.close(), plain.close()]);
