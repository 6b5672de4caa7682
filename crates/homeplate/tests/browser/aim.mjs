// A camera is aimed on the reader's own page: a mask, a lane, the way, heading and place are drawn and kept.
// node aim.mjs PAGE SHOTS
import axe from 'axe-core';
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';
import { DESKTOP, PHONE, launch, opened } from './shared.mjs';

const [page, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const tab = await opened(browser, complaints, { bypassCSP: true });
await tab.goto(page);
await tab.locator('#camera option').first().waitFor({ state: 'attached' });
// The film has begun, and the doctor has said something.
await tab.waitForFunction(() => document.querySelector('#film').naturalWidth > 0);
await tab.locator('#doctor li').first().waitFor();

const kept = async () => (await fetch(`${page}/aim.json`)).json();
const stage = tab.locator('#sketch');
const at = async (x, y) => {
  const box = await stage.boundingBox();
  await stage.click({ position: { x: box.width * x, y: box.height * y } });
};
const said = () => tab.getByText('Kept.').waitFor();
const draw = async (button, corners) => {
  await tab.getByRole('button', { name: button, exact: true }).click();
  for (const [x, y] of corners) await at(x, y);
  if (corners.length > 2) await tab.getByRole('button', { name: 'Close the shape' }).click();
  await said();
};
await draw('Mask', [[0.02, 0.02], [0.12, 0.02], [0.12, 0.2]]);
await draw('Lane', [[0.1, 0.1], [0.9, 0.1], [0.9, 0.95], [0.1, 0.95]]);
await draw('Way that counts as approaching', [[0.5, 0.2], [0.5, 0.9]]);
await tab.getByLabel('Where the camera looks').fill('90');
await tab.locator('#heading-form').getByRole('button', { name: 'Keep' }).click();
await said();
// Half a place is none; a whole one is kept.
await tab.getByLabel('latitude').fill('38.5449');
await tab.locator('#place-form').getByRole('button', { name: 'Keep' }).click();
await tab.getByText('A place has a latitude and a longitude.').waitFor();
await tab.getByLabel('longitude').fill('-121.7405');
await tab.locator('#place-form').getByRole('button', { name: 'Keep' }).click();
await said();
const aim = await kept();
assert.equal(aim.masks.length, 1);
assert.ok(aim.masks[0].length === 3 && Math.abs(aim.masks[0][1][0] - 0.12) < 0.01, JSON.stringify(aim));
assert.equal(aim.lanes.length, 1);
assert.ok(Math.abs(aim.way[1][1] - 0.9) < 0.01);
assert.deepEqual([aim.heading, aim.place], [90, [38.5449, -121.7405]]);

// A plate in view, and its width; then what the hour is fit for.
await tab.locator('#plates li', { hasText: /px wide/ }).first().waitFor({ timeout: 60_000 });
await tab.locator('#doctor li', { hasText: /px wide/ }).first().waitFor({ timeout: 60_000 });
await tab.locator('#hours tr').first().waitFor();
for (const [name, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
  await tab.setViewportSize(viewport);
  await tab.evaluate(axe.source);
  const { violations } = await tab.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map((v) => `${name} ${v.id}: ${v.nodes[0].html}`), []);
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= viewport.width, `${name} is ${wide} wide`);
  await tab.screenshot({ path: `${shots}/aim-${name}.png`, fullPage: true });
}

await tab.getByRole('button', { name: 'Remove mask 1' }).click();
await said();
await tab.waitForFunction(async () => (await (await fetch('/aim.json')).json()).masks.length === 0);
assert.deepEqual(complaints, []);
await browser.close();
