// Off and on at the console, signed with passkeys: node orders.mjs BASE_URL EXECUTABLE FOLDER SHOTS
//
// A clerk switches a camera off alone; on again takes two. Everybody sees it, and the certificate's page fits a phone.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { keyed, launch, opened, pictures, register } from './shared.mjs';

const [base, exe, folder, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
// Passkeys are made for a name, not for a number.
const site = base.replace('127.0.0.1', 'localhost');
const run = (args) =>
  execFileSync(exe, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, HOMEPLATE_SERVER: base, HOMEPLATE_KEY: join(folder, 'admin.key') } });
const figures = async () => (await (await fetch(`${base}/v1/public`)).json()).figures;

const browser = await launch();
const complaints = [];

/** An invited person with a browser and a key in it that asks who they are. */
async function invited(id, office, role) {
  const said = run(['person', 'invite', id, '--name', id.slice(4), '--office', office, '--roles', role]);
  const tab = await opened(browser, complaints);
  await keyed(tab);
  await register(tab, site + said.match(/\/console\/join\S*/)[0]);
  return tab;
}
const form = (tab, name) => tab.locator(`section[aria-labelledby=${name}] form`);

const clara = await invited('per_clara', 'city clerk', 'clerk');
const mayor = await invited('per_mayor', 'mayor', 'order-signer');

// Off takes one person, and holds when the page is there again.
await clara.goto(`${site}/console/orders`);
await form(clara, 'give-off').locator('select[name=whom]').selectOption({ label: 'Main Street' });
await form(clara, 'give-off').locator('[name=reason]').fill('A vote of the council.');
await form(clara, 'give-off').getByRole('button').click();
await clara.getByText('A vote of the council.').waitFor();
assert.equal(Object.values((await figures()).cameras).filter((c) => !c.on).length, 1);
await pictures(clara, shots, 'orders-off');

// The receipt, as anybody's phone has it.
const phone = await (await browser.newContext({ viewport: { width: 390, height: 844 } })).newPage();
await clara.getByRole('link', { name: 'Camera by camera' }).first().click();
await clara.waitForURL(/\/off\/ord_/);
await phone.goto(clara.url());
await phone.getByText('A vote of the council.').waitFor();
await phone.screenshot({ path: `${shots}/orders-receipt-phone.png`, fullPage: true });
assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing is cut off');

// Off later, by the city's clocks: it is on the log at once.
await clara.goto(`${site}/console/orders`);
const later = new Date(Date.now() + 48 * 3_600_000).toISOString().slice(0, 16);
await form(clara, 'give-off').locator('[name=from]').fill(later);
await form(clara, 'give-off').locator('[name=reason]').fill('The festival.');
await form(clara, 'give-off').getByRole('button').click();
await clara.getByText('The festival.').waitFor();
assert.equal((await figures()).scheduled.length, 1);

// On takes two: the clerk's signature waits for another one.
await form(clara, 'give-on').locator('select[name=whom]').selectOption({ label: 'Main Street' });
await form(clara, 'give-on').locator('[name=reason]').fill('The vote was overturned.');
await form(clara, 'give-on').getByRole('button').click();
await clara.getByText('You have signed it.').waitFor();
assert.equal(Object.values((await figures()).cameras).filter((c) => !c.on).length, 1, 'one signature turns nothing on');
await mayor.goto(`${site}/console/orders`);
await mayor.getByText('1 of 2 signed').waitFor();
await pictures(mayor, shots, 'orders-waiting');
await mayor.getByRole('button', { name: 'Order it too' }).click();
await mayor.getByText('1 of 2 signed').waitFor({ state: 'detached' });
assert.equal(Object.values((await figures()).cameras).filter((c) => !c.on).length, 0);

// Off for good, with what is not delivered: the form says what is lost, the passkey signs it, and the camera obeys.
await clara.goto(`${site}/console/orders`);
await clara.getByText('Erased reads are lost to everybody').waitFor();
await form(clara, 'give-off').locator('select[name=whom]').selectOption({ label: 'Main Street' });
await form(clara, 'give-off').locator('select[name=spool]').selectOption('erase');
await form(clara, 'give-off').locator('[name=reason]').fill('The contract has ended.');
await pictures(clara, shots, 'orders-erase');
await form(clara, 'give-off').getByRole('button').click();
await clara.locator('li', { hasText: 'The contract has ended.' }).getByText('undelivered reads are erased').waitFor();
const erasing = (await (await fetch(`${base}/v1/public`)).json()).orders.filter((o) => o.erases);
assert.deepEqual(erasing.map((o) => o.reason), ['The contract has ended.']);

assert.deepEqual(complaints, []);
await browser.close();
