// A list is brought in the browser, a car passes, and the hit is on the screen of somebody who did not reload:
// node story.mjs BASE ADMIN_LINK DISPATCHER_LINK OFFICER_LINK LIST.csv READY PLATE SHOTS
//
// When everything waits, the file READY is written, and whoever started this lets the car pass.
import { mkdirSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { enter, launch, opened } from './shared.mjs';

const [base, admin, dispatcher, officer, list, ready, plate, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const signedIn = async (link) => enter(await opened(browser, complaints), link);

// The list: looked at first, then taken.
const keeper = await signedIn(admin);
await keeper.goto(`${base}/console/lists`);
await keeper.getByLabel('A new file').setInputFiles(list);
await keeper.getByRole('button', { name: 'Look at it first' }).click();
await keeper.getByText('What was understood').waitFor();
assert.match(await keeper.locator('#lst_state-what').textContent(), /plate\s*→\s*plate/i);
await keeper.screenshot({ path: `${shots}/import-desktop.png`, fullPage: true });
await keeper.locator('#lst_state-what').getByRole('button', { name: 'Take it' }).click();
await keeper.waitForURL(`${base}/console/lists`);
await keeper.getByText('valid').first().waitFor();

// An own entry of two people.
const dora = await signedIn(dispatcher);
await dora.goto(`${base}/console/lists`);
await dora.getByLabel('Plate').fill('8XYZ001');
await dora.getByLabel('Why').fill('missing person');
await dora.getByLabel('Case').fill('26-0500');
await dora.getByRole('button', { name: 'Write it down' }).click();
await dora.getByText('8XYZ001').waitFor();
assert.equal(await dora.getByRole('button', { name: 'Agree' }).count(), 0, 'nobody agrees with themselves');
const otto = await signedIn(officer);
await otto.goto(`${base}/console/lists`);
await otto.getByRole('button', { name: 'Agree' }).click();
await otto.getByText('8XYZ001').waitFor({ state: 'detached' });

// The car passes; nobody reloads.
await dora.goto(`${base}/console`);
await dora.locator('[data-live].good').waitFor();
await dora.getByText('Nothing waits.').waitFor();
const heard = dora.evaluate(() => new Promise((done) => {
  const events = new EventSource('/console/events');
  events.addEventListener('message', (m) => {
    if (JSON.parse(m.data).kind === 'hit.raised') done(Date.now());
  });
  events.addEventListener('open', () => document.body.setAttribute('data-heard', ''));
}));
await dora.locator('body[data-heard]').waitFor();
writeFileSync(ready, 'now');
await dora.locator('#urgent ~ .hits a').first().waitFor({ timeout: 60_000 });
const shown = await dora.evaluate(() => Date.now());
const after = shown - (await heard);
assert.match(await dora.title(), /^\(1\) /, 'the tab says that one waits');
assert.ok(!(await dora.content()).includes(plate), 'the queue names no plate');
await dora.screenshot({ path: `${shots}/now-live-desktop.png`, fullPage: true });

// It is another vehicle: nobody is stopped, and the public figures say so.
await dora.locator('#urgent ~ .hits a').first().click();
await dora.getByText('Say nothing yet').waitFor();
await dora.locator('[data-verdict]').getByRole('button', { name: 'Another vehicle' }).click();
await dora.getByText('Nothing waits.').waitFor();
const everybody = await (await browser.newContext()).newPage();
await everybody.goto(`${base}/misreads`);
assert.match(await everybody.locator('main').textContent(), /Another vehicle\s*1/);
assert.deepEqual(complaints, []);
await browser.close();
console.log(`on the screen ${after} ms after the event`);
