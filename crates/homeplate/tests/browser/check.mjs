// Off certificates, checked by a browser on its own: node check.mjs CASES PAGE SHOTS [RECEIPT]
//
// CASES is a file with a list of {file, vkey?, witnesses?, holds, says}; PAGE is a saved copy of the page, opened from
// the disk. RECEIPT is the address of an order's page at the city, where somebody's phone begins.
import { mkdirSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import assert from 'node:assert/strict';
import { PHONE, launch, opened, pictures } from './shared.mjs';

const [cases, page, shots, receipt] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const refusals = (m) => m.text().includes('Content Security Policy');

if (receipt) {
  const phone = await opened(browser, complaints, { viewport: PHONE, heard: refusals });
  await phone.goto(receipt);
  await phone.getByRole('link', { name: 'Check it in this browser' }).click();
  await phone.getByText('The certificate holds.').waitFor();
  await phone.getByText('its own signature holds').waitFor();
  await phone.getByText('It was checked with the key that it names itself.').waitFor();
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing is cut off');
  await pictures(phone, shots, 'check-holds');
  await phone.getByRole('button', { name: 'Español' }).click();
  await phone.getByText('El certificado es válido.').waitFor();
}

// On the disk nobody can be asked.
const tab = await opened(browser, complaints, { heard: refusals, offline: true });
const asked = [];
tab.on('request', (r) => { if (!/^(file|data):/.test(r.url())) asked.push(r.url()); });
await tab.goto(pathToFileURL(page).href);
await tab.evaluate(readFileSync(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8'));
const axe = async () => (await tab.evaluate(() => window.axe.run())).violations.map((v) => `${v.id}: ${v.nodes[0].html}`);
assert.deepEqual(await axe(), []);
await tab.getByLabel('The certificate').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
await tab.getByText('This is no off certificate.').waitFor();
await pictures(tab, shots, 'check-none');
for (const [n, { file, vkey = '', witnesses = '', holds, says }] of JSON.parse(readFileSync(cases, 'utf8')).entries()) {
  await tab.getByLabel('The key of the city').fill(vkey);
  await tab.getByLabel('The witnesses that you believe').fill(witnesses);
  await tab.getByLabel('The certificate').setInputFiles({ name: `case-${n}.json`, mimeType: 'application/json', buffer: readFileSync(file) });
  const wanted = holds ? 'The certificate holds.' : 'The certificate does not hold.';
  await tab.getByText(`case-${n}.json is here.`).waitFor();
  const said = await tab.locator('#result').innerText();
  assert.ok(said.includes(wanted) && said.includes(says ?? ''), `${file}: wanted ${wanted} ${says ?? ''}, found: ${said}`);
}
assert.deepEqual(await axe(), []);
assert.deepEqual(asked, []);
assert.deepEqual(complaints, []);
await browser.close();
