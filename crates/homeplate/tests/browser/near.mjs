// Confirmed hits in the order of how far they are: node near.mjs BASE LINK SHOTS
//
// Three cars are under way: at the camera "North" (38.60, -121.74), at the camera "South" (38.50, -121.74), and one that
// was confirmed at "East" (38.70, -121.74) and read again at "Harbor" (38.55, -121.74), which nobody has looked at yet.
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';
import { PHONE, enter, launch, opened } from './shared.mjs';

const [base, link, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const first = await enter(await opened(browser, complaints), link);
const state = await first.context().storageState();
const lines = (tab) =>
  tab.locator('#confirmed .rows li').evaluateAll((all) =>
    all.map((li) => [li.querySelector('strong').textContent, li.querySelector('.away')?.textContent ?? '', li.querySelector('.num').firstChild.textContent]),
  );
const names = async (tab) => (await lines(tab)).map(([name]) => name);

/** The page as somebody sees it who stands there; a place that is not told is refused. */
async function standing(geolocation) {
  const tab = await opened(browser, complaints, { storageState: state, viewport: PHONE, ...(geolocation ? { permissions: ['geolocation'], geolocation } : {}) });
  const sent = [];
  tab.on('request', (r) => sent.push(r.url() + (r.postData() ?? '')));
  await tab.goto(`${base}/field`);
  await tab.locator('[data-live].good').waitFor();
  await tab.getByRole('button', { name: 'Nearest first' }).click();
  return { tab, sent };
}

// A degree of latitude is 111.2 km, on a ball of 6,371 km.
const far = (km) => new RegExp(`^${km.toFixed(1).replace('.', '\\.')} km away$`);
for (const [latitude, order] of [[38.61, ['North', 'East', 'South']], [38.49, ['South', 'East', 'North']]]) {
  const { tab, sent } = await standing({ latitude, longitude: -121.74 });
  await tab.getByText('km away').first().waitFor();
  const got = await lines(tab);
  assert.deepEqual(got.map(([name]) => name), order, `from ${latitude}`);
  assert.match(got[0][1], far(1.1));
  assert.match(got[1][1], far(6.7), 'to where it was seen last');
  assert.match(got[2][1], far(12.2));
  for (const [name, , time] of got) assert.match(time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d /, `when ${name} was seen is still there`);
  // What comes anew stands in the same order.
  await tab.evaluate(() => {
    const list = document.querySelector('#confirmed .rows');
    list.prepend(list.lastElementChild);
    document.dispatchEvent(new Event('refreshed'));
  });
  assert.deepEqual(await names(tab), order);
  // And so does what stands there already, as one drives on.
  const there = 77.1 - latitude;
  await tab.context().setGeolocation({ latitude: there, longitude: -121.74 });
  await tab.locator('#confirmed .rows li:first-child strong', { hasText: order[2] }).waitFor();
  assert.deepEqual(await names(tab), [...order].reverse());
  assert.match((await lines(tab))[0][1], far(1.1));
  assert.ok(!sent.some((words) => [latitude, there].some((place) => words.includes(place.toFixed(2)))), 'where somebody stands stays on their device');
  await tab.screenshot({ path: `${shots}/field-near-${order[0].toLowerCase()}.png`, fullPage: true });
}
const { tab } = await standing(null);
await tab.getByText('This device does not tell where it is.').waitFor();
assert.equal((await lines(tab)).length, 3);
assert.equal(await tab.getByText('km away').count(), 0);
assert.deepEqual(complaints, []);
await browser.close();
