// Signing in by the city's directory: node directory.mjs BASE PEOPLE.json SHOTS
//
// An officer comes in by it and makes a passkey; somebody in no group does not; who leaves the group is gone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { keyed, launch, opened, pictures } from './shared.mjs';

const [base, people, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const refusals = (m) => m.text().includes('Content Security Policy');

/** Through the directory's own pages, as its visitors click them. */
async function vouched(tab, login) {
  await tab.goto(`${base}/console`);
  if (shots && login === 'ana') await pictures(tab, shots, 'directory-signin');
  await tab.getByRole('link', { name: 'Sign in with the directory' }).click();
  await tab.locator('input[name=login]').fill(login);
  await tab.locator('input[name=password]').fill('any');
  await tab.locator('button[type=submit]').click();
  await tab.getByRole('button', { name: 'Continue' }).click();
  await tab.waitForURL((url) => url.href.startsWith(base));
}

const ana = await opened(browser, complaints, { heard: (m) => refusals(m) && m.location().url.startsWith(base) });
await keyed(ana);
await vouched(ana, 'ana');
await ana.getByRole('button', { name: 'Open the console' }).click();
await ana.getByText('Ana Ruiz').first().waitFor();
// The way back opens once.
const again = await ana.goto(`${base}/console/directory/back?state=x&code=y`);
assert.equal(again.status(), 401);

// What is sensitive wants a key of their own; the first one is made from this session.
await ana.goto(`${base}/console/passkey`);
await ana.getByLabel('Name of this passkey').fill('blue key');
await ana.getByRole('button', { name: 'Make the passkey' }).click();
await ana.getByText('blue key').first().waitFor();

// A stranger to this city's groups.
const eve = await opened(browser, complaints);
await vouched(eve, 'eve');
await eve.getByText('none of your groups is let in here').waitFor();
assert.equal((await eve.goto(`${base}/console/hits`)).status(), 401);

// Ana leaves the group: the next time the directory says so, session and passkey are worth nothing.
const known = JSON.parse(readFileSync(people, 'utf8'));
known.ana.groups = ['Everybody'];
writeFileSync(people, JSON.stringify(known));
const later = await opened(browser, complaints);
await vouched(later, 'ana');
await later.getByText('none of your groups is let in here').waitFor();
assert.notEqual((await ana.goto(`${base}/console/hits`)).status(), 200);

assert.deepEqual(complaints, []);
await browser.close();
