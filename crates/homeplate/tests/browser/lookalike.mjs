// A car whose plate is taken for a listed one, and a drill: neither stops anybody.
// node lookalike.mjs BASE DISPATCHER_LINK ADMIN_LINK READY SHOWN LISTED SHOTS
//
// When everything waits, the file READY is written, and whoever started this lets the car with the plate SHOWN pass.
import { mkdirSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { enter, launch, opened, pictures } from './shared.mjs';

const [base, dispatcher, admin, ready, shown, listed, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const signedIn = async (link) => enter(await opened(browser, complaints), link);

const dora = await signedIn(dispatcher);
await dora.goto(`${base}/console`);
await dora.locator('[data-live].good').waitFor();
writeFileSync(ready, 'now');

// It comes live, into the strip of what something speaks against, and rings nowhere.
const strip = dora.locator('details.strip');
await strip.waitFor({ timeout: 90_000 });
await dora.getByText('Nothing waits.').waitFor();
assert.doesNotMatch(await dora.title(), /^\(\d+\)/, 'nobody is called');
const line = strip.locator('a.hit').first();
assert.match(await line.textContent(), /look-alike/i);
await pictures(dora, shots, 'lookalike-now');
await line.click();
await dora.locator('[data-verdict]').waitFor();
assert.ok(await dora.locator('.doubt').count(), 'the page says what speaks against it');
assert.equal(await dora.locator('.plate.big mark').count(), 2, 'the character that differs is boxed in both');
assert.equal((await dora.locator('.plate.big').nth(0).textContent()).trim(), shown);
assert.equal((await dora.locator('.plate.big').nth(1).textContent()).trim(), listed);
await pictures(dora, shots, 'lookalike-hit');
const address = dora.url();

// Who confirms types the plate as they read it, and what they read is not the listed one.
for (const tick of await dora.locator('[data-verdict] input[type=checkbox]').all()) await tick.check();
await dora.locator('#typed').fill(shown);
await dora.getByRole('button', { name: /It is the wanted car/ }).first().click();
await dora.getByText(/is not the listed plate/).waitFor();
await dora.goto(address);
await dora.locator('#typed').fill(shown);
await dora.locator('[data-verdict]').getByRole('button', { name: 'Misread' }).click();
await dora.waitForURL(`${base}/console`);
await dora.getByText('Nothing waits.').waitFor();
assert.equal(await strip.count(), 0);

// Nobody is stopped: no words for the air, nothing on the street.
await dora.goto(address);
assert.match(await dora.locator('.said').textContent(), /found to be wrong/);
assert.equal(await dora.locator('#words').count(), 0);
await dora.goto(`${base}/field`);
assert.equal(await dora.locator('.hits a').count(), 0);

// Everybody sees that it was misread.
const everybody = await (await browser.newContext()).newPage();
await everybody.goto(`${base}/misreads`);
assert.match(await everybody.locator('main').textContent(), /Misread\s*1/);
assert.match(await everybody.locator('table').first().textContent(), /100\s*%/);

// A drill: begun at the console, marked everywhere, and no hit.
const keeper = await signedIn(admin);
await keeper.goto(`${base}/console/drills`);
await keeper.getByRole('button', { name: 'Begin a drill' }).click();
await keeper.locator('ul.hits li').first().waitFor();
await dora.goto(`${base}/console`);
await dora.getByText('A drill waits for you').waitFor();
await pictures(dora, shots, 'drill-now');
await dora.getByText('A drill waits for you').click();
await dora.getByText('This is a drill.').waitFor();
assert.equal(await dora.locator('#words, .said').count(), 0, 'nothing is said of a drill');
await pictures(dora, shots, 'drill-open');
await dora.locator('[data-verdict]').getByRole('button', { name: 'Misread' }).click();
await dora.getByText(/You were right|that was wrong/).waitFor();
await pictures(dora, shots, 'drill-told');
await dora.goto(`${base}/console/drills`);
await pictures(dora, shots, 'drills');
await dora.goto(`${base}/console/hits`);
assert.equal(await dora.locator('.hits li').count(), 1, 'a drill is no hit');

// What the city is set to, for who administers it; nobody else finds the page.
await keeper.goto(`${base}/console/settings`);
assert.match(await keeper.locator('main').textContent(), /city\.name[\s\S]*Springfield/);
await pictures(keeper, shots, 'settings');
await keeper.goto(`${base}/console/lists`);
await pictures(keeper, shots, 'lists');
assert.equal(await dora.getByRole('link', { name: 'Settings' }).count(), 0);
assert.deepEqual(complaints, []);
await browser.close();
