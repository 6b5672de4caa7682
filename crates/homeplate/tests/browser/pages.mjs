// Drives the pages in a real browser: node pages.mjs BASE_URL CONSOLE_LINK SCREENSHOTS PLATE
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';
import { DESKTOP, PHONE, launch, opened } from './shared.mjs';

const [base, link, shots, plate] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const sizes = { desktop: DESKTOP, phone: PHONE };

async function page(size) {
  const complaints = [];
  const tab = await opened(browser, complaints, { viewport: sizes[size], heard: (m) => m.type() === 'error' });
  return { tab, complaints };
}

async function fits(tab, what) {
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${what} scrolls sideways by ${wide} px`);
}

// Everybody's page, at both sizes.
for (const size of Object.keys(sizes)) {
  const { tab, complaints } = await page(size);
  await tab.goto(base);
  await tab.getByRole('heading', { level: 1 }).waitFor();
  assert.equal(await tab.locator('[data-figure=hits]').textContent(), '1');
  assert.ok(!(await tab.content()).includes(plate), 'the public page names no plate');
  await fits(tab, `public page, ${size}`);
  await tab.screenshot({ path: `${shots}/public-${size}.png`, fullPage: true });
  assert.deepEqual(complaints, []);
  await tab.context().close();
}

// Without a session the console says how to get one.
{
  const { tab } = await page('desktop');
  await tab.goto(`${base}/console`);
  assert.match(await tab.locator('main').textContent(), /homeplate console/);
  await tab.context().close();
}

// A dispatcher decides the hit, on a phone; the desktop picture is taken on the way.
const { tab, complaints } = await page('phone');
await tab.goto(link);
await tab.getByRole('button', { name: 'Open the console' }).click();
await tab.getByRole('heading', { name: 'Now' }).waitFor();
await tab.locator('[data-live]', { hasText: /^live$/ }).waitFor();
await fits(tab, 'now');
await tab.screenshot({ path: `${shots}/now-phone.png`, fullPage: true });
await tab.locator('.hits a').first().click();
await tab.getByRole('heading', { name: 'Is this the wanted car?' }).waitFor();
const picture = tab.locator('figure img, img.crop').first();
assert.ok(await picture.evaluate((i) => i.complete && i.naturalWidth > 40), 'the picture shows');
assert.ok((await tab.content()).includes(plate), 'its person sees the plate');
const confirm = tab.getByRole('button', { name: /Confirm/ });
assert.ok(await confirm.isDisabled(), 'nothing is confirmed before it is compared');
await fits(tab, 'hit');
await tab.screenshot({ path: `${shots}/hit-phone.png`, fullPage: true });
await tab.setViewportSize(sizes.desktop);
await tab.screenshot({ path: `${shots}/hit-desktop.png`, fullPage: true });
// Everything that is compared stands on a dispatcher's screen at once, and six keys decide it.
await tab.setViewportSize({ width: 1366, height: 768 });
await tab.reload();
const form = await tab.locator('[data-verdict]').boundingBox();
assert.ok(form.y + form.height <= 768, `the form ends at ${form.y + form.height}`);
const crop = await tab.locator('.crop').evaluate((one) => {
  const box = one.getBoundingClientRect();
  const view = one.viewBox?.baseVal;
  return view ? Math.min(box.width / view.width, box.height / view.height) * view.width : box.width;
});
assert.ok(crop >= 320, `the plate is ${crop} wide`);
await tab.screenshot({ path: `${shots}/hit-dispatch.png` });
let keys = 0;
for (const key of ['1', '2', '3', '4', 'c']) {
  await tab.keyboard.press(key);
  keys += 1;
}
assert.ok(keys <= 6);
await tab.getByText('confirmed').first().waitFor();
await tab.getByText('Do not stop it').waitFor();
assert.match(await tab.locator('.stamps').textContent(), /Record confirmed live NOT CHECKED/);
await tab.screenshot({ path: `${shots}/hit-confirmed-desktop.png`, fullPage: true });
await tab.getByRole('button', { name: 'It stands' }).click();
await tab.getByText('own eyes').first().waitFor();
assert.match(await tab.locator('#words').textContent(), /record confirmed at/);
// On the street, with a phone.
await tab.setViewportSize(sizes.phone);
// What comes live while a finger is on a hit takes nothing away under it.
let release;
const pressed = new Promise((done) => (release = done));
const isLive = (request) => 'x-live' in request.headers();
await tab.route('**/field', async (route) => {
  if (isLive(route.request())) await pressed;
  await route.continue();
});
await tab.goto(`${base}/field`);
// A picture that comes late moves what is under it, and the press would miss.
await tab.waitForFunction(() => [...document.images].every((image) => image.complete));
await tab.locator('.hits a').first().hover();
await tab.mouse.down();
const came = tab.waitForResponse((answer) => isLive(answer.request()));
release();
await (await came).finished();
await tab.waitForTimeout(300);
await tab.mouse.up();
await tab.getByRole('button', { name: 'Have it' }).waitFor();
await tab.unroute('**/field');
await fits(tab, 'field');
await tab.screenshot({ path: `${shots}/field-phone.png`, fullPage: true });
await tab.getByRole('button', { name: 'Have it' }).click();
await tab.getByText('An officer has read the plate').first().waitFor();
await tab.getByRole('button', { name: 'Recovered' }).click();
await tab.getByText('closed').first().waitFor();
// A plate in sight.
await tab.goto(`${base}/field`);
await tab.getByLabel('Check a plate you see').fill(plate);
await tab.getByRole('button', { name: 'Check', exact: true }).click();
await tab.getByText('confirm the record before you act').waitFor();
await tab.setViewportSize(sizes.desktop);
await tab.goto(`${base}/misreads`);
await tab.getByRole('heading', { level: 1 }).waitFor();
await fits(tab, 'misreads');
await tab.goto(`${base}/console/hits`);
await tab.screenshot({ path: `${shots}/hits-desktop.png`, fullPage: true });
assert.deepEqual(complaints, []);

// The rules, each sentence beside its text; and a question that is refused keeps what was typed.
await tab.goto(`${base}/console/rules`);
await tab.getByRole('heading', { level: 1 }).waitFor();
assert.match(await tab.locator('main').textContent(), /no-immigration-enforcement/);
await fits(tab, 'rules');
await tab.screenshot({ path: `${shots}/rules-desktop.png` });
await tab.goto(`${base}/console/ask`);
await tab.getByRole('heading', { level: 1 }).waitFor();
await tab.locator('#purpose').selectOption('stolen-vehicle');
await tab.locator('[name=plates]').fill('8XYZ001');
await tab.locator('#ask').evaluate((form) => form.requestSubmit());
await tab.getByText(/no-rule|case-required/).first().waitFor();
assert.equal(await tab.locator('[name=plates]').inputValue(), '8XYZ001');
await fits(tab, 'ask');
await tab.screenshot({ path: `${shots}/ask-desktop.png`, fullPage: true });

// The link works once.
const again = await page('desktop');
await again.tab.goto(link);
await again.tab.getByRole('button', { name: 'Open the console' }).click();
assert.match(await again.tab.locator('main').textContent(), /used or is too old/);
await browser.close();
