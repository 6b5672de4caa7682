// A whole change of rules in a real browser: node rules.mjs BASE_URL EXECUTABLE FOLDER SCREENSHOTS
//
// A clerk proposes, two offices sign with passkeys of their own, the proofs pass, the rules become active, an officer's
// question is narrowed by them, and an outsider verifies all of it from the public log alone. FOLDER holds `admin.key`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { keyed, launch, opened, register } from './shared.mjs';

const [base, exe, folder, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
// Passkeys are made for a name, not for a number.
const site = base.replace('127.0.0.1', 'localhost');
const run = (args, key = 'admin.key') =>
  execFileSync(exe, args, { cwd: folder, encoding: 'utf8', env: { ...process.env, HOMEPLATE_SERVER: base, HOMEPLATE_KEY: join(folder, key) } });
const log = async () => (await (await fetch(`${base}/v1/log?limit=500`)).json()).entries.map((entry) => entry.leaf);
const keys = async () => (await log()).filter((leaf) => leaf.type === 'admin.passkey').map((leaf) => leaf.facts.key);

const browser = await launch();

/** Somebody with a browser and a key in it that asks who they are. */
async function somebody() {
  const complaints = [];
  const tab = await opened(browser, complaints, { heard: (m) => m.type() === 'error' && !/status of 4\d\d/.test(m.text()) });
  return { tab, complaints, ...(await keyed(tab)) };
}

/** An invited person makes a passkey; gives the browser, and the key as the log spells it. */
async function invited(id, office, role) {
  const said = run(['person', 'invite', id, '--name', id.slice(4), '--office', office, '--roles', role]);
  const path = said.match(/\/console\/join\S*/)[0];
  const before = await keys();
  const one = await somebody();
  await register(one.tab, site + path);
  const [key] = (await keys()).filter((k) => !before.includes(k));
  assert.ok(key, 'the passkey is on the log');
  return { ...one, key };
}

async function ask(tab) {
  await tab.goto(`${site}/console/ask`);
  await tab.locator('#purpose').selectOption('stolen-vehicle');
  await tab.locator('[name=case]').fill('26-0417');
  await tab.locator('[name=plates]').fill('7ABC128');
  const at = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString().slice(0, 16);
  await tab.locator('[name=from]').fill(at(10));
  await tab.locator('[name=until]').fill(at(0));
  await tab.locator('#ask').evaluate((form) => form.requestSubmit());
  await tab.locator('dl.facts').first().waitFor();
  return tab.locator('main').textContent();
}

const clara = await invited('per_clara', 'city clerk', 'clerk');
const cora = await invited('per_cora', 'city counsel', 'counsel');
const mayor = await invited('per_mayor', 'mayor', 'order-signer');

// Who founded the city says which offices sign from now on.
const office = (name, key) => `\n[[offices]]\nname = "${name}"\nkeys = ["${key}"]\n`;
writeFileSync(join(folder, 'charter-new.toml'), `needed = 2\n${office('city counsel', cora.key)}${office('mayor', mayor.key)}`);
const first = run(['rules', 'propose', '--charter', 'charter-new.toml']).trim();
assert.match(run(['rules', 'sign', first]), /active/);

const otto = await somebody();
const link = run(['console'], 'otto.key').trim().replace('127.0.0.1', 'localhost');
await otto.tab.goto(link);
await otto.tab.getByRole('button', { name: 'Open the console' }).click();
await otto.tab.getByRole('heading', { level: 1 }).waitFor();
assert.doesNotMatch(await ask(otto.tab), /officer-search narrowed/);

// The clerk: what opens the city to somebody whom no rule may let in is refuted with an example, and stays typed.
await clara.tab.goto(`${site}/console/rules`);
await clara.tab.getByRole('link', { name: /Propose/ }).click();
const text = clara.tab.locator('textarea[name=rules]');
const adopted = await text.inputValue();
const planted = '// Lets everybody in.\n@id("planted")\npermit (principal, action == Action::"Search", resource);\n';
// Without the line that forbids a federal agency, the planted rule lets one in.
const shut = /(@id\("no-outside-recipient"\)[\s\S]*?when \{ )/;
assert.match(adopted, shut);
await text.fill(adopted.replace(shut, '$1context.hours > 500 && ') + planted);
await clara.tab.locator('main form.form button[type=submit]').click();
await clara.tab.locator('.wrong').first().waitFor();
assert.match(await clara.tab.locator('main').textContent(), /federal/);
assert.match(await text.inputValue(), /planted/);
await clara.tab.screenshot({ path: `${shots}/rules-refuted.png` });
assert.ok(!(await log()).some((leaf) => JSON.stringify(leaf).includes('planted')), 'it is not on the log');

await text.fill(adopted.replace('@max_hours("72")', '@max_hours("1")'));
await clara.tab.locator('main form.form button[type=submit]').click();
await clara.tab.waitForURL(/\/console\/proposals\//);
const proposal = clara.tab.url();
assert.match(await clara.tab.locator('.diff').textContent(), /max_hours\("1"\)/);
await clara.tab.screenshot({ path: `${shots}/rules-proposed.png`, fullPage: true });
assert.equal(await clara.tab.locator('form[data-what=sign]').count(), 0, 'a clerk without an office signs nothing');

// Each office with its own key; the first alone changes nothing.
async function sign(one) {
  await one.tab.goto(proposal);
  await one.tab.locator('form[data-what=sign] button[type=submit]').click();
  await one.tab.waitForFunction(() => !document.querySelector('form[data-what=sign]'));
}
await sign(cora);
assert.match(await cora.tab.locator('main').textContent(), /1 of 2|of 2/);
assert.doesNotMatch(await ask(otto.tab), /officer-search narrowed/);
// Another's key signs for no office, although its owner may sign proposals.
await mayor.wire.send('WebAuthn.setUserVerified', { authenticatorId: mayor.authenticatorId, isUserVerified: false });
await mayor.tab.goto(proposal);
await mayor.tab.locator('form[data-what=sign] button[type=submit]').click();
await mayor.tab.locator('#passkey-status[data-state=failed]').waitFor();
assert.equal((await log()).filter((leaf) => leaf.type === 'policy.signed').length, 2, 'who does not say who they are signs nothing');
await mayor.wire.send('WebAuthn.setUserVerified', { authenticatorId: mayor.authenticatorId, isUserVerified: true });
await sign(mayor);
assert.match(await mayor.tab.locator('main').textContent(), /active/i);
await mayor.tab.screenshot({ path: `${shots}/rules-active.png`, fullPage: true });

const narrowed = await ask(otto.tab);
assert.match(narrowed, /officer-search narrowed the question/);
await otto.tab.screenshot({ path: `${shots}/rules-narrowed.png`, fullPage: true });

// An outsider has the address and nothing else.
const said = execFileSync(exe, ['verify', base, '--forget'], { encoding: 'utf8' });
assert.match(said, /signed by city counsel, mayor/);
const signed = (await log()).filter((leaf) => leaf.type === 'policy.signed').slice(1);
assert.deepEqual(signed.map((leaf) => leaf.facts.key), [cora.key, mayor.key]);
for (const one of [clara, cora, mayor, otto]) assert.deepEqual(one.complaints, []);
await browser.close();
