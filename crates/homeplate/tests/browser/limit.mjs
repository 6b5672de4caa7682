// Who asks too often is told so in words, and nobody else is: node limit.mjs BASE BUSY_LINK OTHER_LINK SHOTS
import { mkdirSync } from 'node:fs';
import assert from 'node:assert/strict';
import { enter, launch, opened } from './shared.mjs';

const [base, busy, other, shots] = process.argv.slice(2);
mkdirSync(shots, { recursive: true });
const browser = await launch();
const complaints = [];
const [dora, otto] = [await enter(await opened(browser, complaints), busy), await enter(await opened(browser, complaints), other)];
let answer;
for (let n = 0; n < 60 && answer?.status() !== 429; n++) {
  await dora.evaluate(() => Promise.all(Array.from({ length: 20 }, () => fetch('/console/passkey'))));
  answer = await dora.goto(`${base}/console/passkey`);
}
assert.equal(answer.status(), 429);
assert.match(answer.headers()['content-type'], /^text\/html/);
assert.ok(Number(answer.headers()['retry-after']) >= 1, 'it says when to come again');
assert.match(await dora.locator('main').textContent(), /At most 100 requests a minute are answered; wait a little\./);
assert.equal(await dora.locator('h1').count(), 1, 'a page as every other');
await dora.screenshot({ path: `${shots}/limit-desktop.png` });
// Programs get it as programs read it.
const kind = await dora.evaluate(async () => {
  for (let n = 0; n < 60; n++) {
    const ask = () => fetch('/console/passkey', { headers: { accept: 'application/json' } });
    const refused = (await Promise.all(Array.from({ length: 20 }, ask))).find((answer) => answer.status === 429);
    if (refused) return refused.headers.get('content-type');
  }
  return 'never refused';
});
assert.equal(kind, 'application/problem+json');
// Another person at the same address is answered.
assert.equal((await otto.goto(`${base}/console/passkey`)).status(), 200);
assert.deepEqual(complaints, []);
await browser.close();
