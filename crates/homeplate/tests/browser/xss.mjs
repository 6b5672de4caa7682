// Opens every page of a city whose fields are full of hostile text: node xss.mjs PLAN.json
//
// The plan says which address the city has, which links let whom in, and where a passkey is named. What is
// printed at the end, as JSON, is which marks of the fields stood on which kinds of pages.
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { launch } from './shared.mjs';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const browser = await launch();

/** A tab that writes down each dialog and each complaint of the browser. */
async function open(more = {}) {
  const context = await browser.newContext(more);
  const tab = await context.newPage();
  const heard = [];
  tab.on('dialog', async (d) => { heard.push(`dialog: ${d.message()}`); await d.dismiss(); });
  tab.on('pageerror', (e) => heard.push(`error: ${e}`));
  tab.on('console', (m) => { if (/content security policy|trusted type/i.test(m.text())) heard.push(`csp: ${m.text()}`); });
  await context.addInitScript(() => {
    window.refused = [];
    document.addEventListener('securitypolicyviolation', (e) => window.refused.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  return { context, tab, heard, base: plan.base };
}

/** What is wrong with the page: nothing where every field stands on it as text. */
async function wrong({ tab, heard }) {
  // A script that was let in, or a picture that fails, has had its turn after two frames.
  const found = await tab.evaluate(async () => {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
    const out = window.refused.map((what) => `refused by the policy: ${what}`);
    if (window.struck) out.push('a script of the payload ran');
    for (const element of document.querySelectorAll('*')) {
      const name = element.tagName.toLowerCase();
      for (const { name: key, value } of element.attributes) {
        if (key.startsWith('on')) out.push(`<${name} ${key}>`);
        const leads = ['href', 'src', 'action', 'formaction', 'xlink:href', 'data', 'srcdoc'].includes(key);
        if (leads && /^[\s\0]*(javascript|vbscript|data:text)/i.test(value)) out.push(`<${name} ${key}="${value}">`);
      }
      const runs = name === 'script' && !/json/.test(element.getAttribute('type') ?? '');
      if (runs && element.textContent.includes('struck')) out.push('<script> of the payload');
      if (name === 'img' && element.getAttribute('src') === 'x') out.push('<img> of the payload');
    }
    if (/\b49 ~/.test(document.documentElement.outerHTML)) out.push('a template was worked out');
    return out;
  });
  return [...found, ...heard.splice(0)];
}

/** What was wrong in one look or another, once all of `words` are among it or after many looks: on a busy machine a picture
 * fails late, and what was heard is said once. */
async function wrongAtLast(page, words) {
  const said = [];
  for (let looks = 0; looks < 200 && !words.every((word) => word.test(said.join('\n'))); looks++) said.push(...(await wrong(page)));
  return said.join('\n');
}

// The probe notices what it looks for: payloads put into a page by hand, first under the city's policy …
{
  const with_policy = await open();
  await with_policy.tab.goto(plan.base);
  assert.deepEqual(await wrong(with_policy), [], 'the untouched page');
  for (const [payload, words] of [
    ['<b title="">' + plan.payloads[0], [/<img onerror>/, /<img> of the payload/, /refused by the policy: script-src-attr/]],
    [`<a href="${plan.payloads[2]}">x</a>`, [/<a href="javascript:/]],
    ['49 ~by-hand0', [/a template was worked out/]],
  ]) {
    await with_policy.tab.evaluate((html) => document.body.insertAdjacentHTML('beforeend', html), payload);
    const said = await wrongAtLast(with_policy, words);
    for (const word of words) assert.match(said, word, payload);
  }
  await with_policy.context.close();
  // … and then without it, where they run.
  const bare = await open({ bypassCSP: true });
  for (const put of [
    (html) => document.body.insertAdjacentHTML('beforeend', html),
    (html) => document.body.append(document.createRange().createContextualFragment(html)),
  ]) {
    await bare.tab.goto(plan.base);
    assert.deepEqual(await wrong(bare), [], 'the untouched page');
    await bare.tab.evaluate(put, `<b title="">${plan.payloads[0]}${plan.payloads[1].replace('</script>', '')}`);
    const words = [/a script of the payload ran/, /dialog: 1/, /<script> of the payload/];
    const said = await wrongAtLast(bare, words);
    for (const word of words) assert.match(said, word);
  }
  await bare.context.close();
}

const seen = {};
const visited = {};
const complaints = [];

/** One page: what is wrong with it, and whose text stands on it. */
async function look(who, at, path) {
  const answer = await at.tab.goto(new URL(path, at.base).href);
  if (!/html/.test(answer.headers()['content-type'] ?? '')) return [];
  const kind = path.split('?')[0].replace(/[a-z]{1,3}_[0-9a-f-]{20,}/, '{id}').replace(/\/\d+/, '/{n}');
  (visited[who] ??= []).push(`${kind} ${answer.status()}`);
  for (const what of await wrong(at)) complaints.push(`${who} ${path}: ${what}`);
  for (const [, mark] of (await at.tab.content()).matchAll(/~([a-z-]+\d)/g)) (seen[mark] ??= new Set()).add(kind);
  return at.tab.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href));
}

/** Every page that can be reached by links, from these on. */
async function walk(who, at, paths) {
  const known = new Set(paths);
  const queue = [...paths];
  while (queue.length > 0 && known.size < 400) {
    for (const href of await look(who, at, queue.shift())) {
      const to = new URL(href);
      const path = to.pathname + to.search;
      const page = to.pathname === '/' || to.pathname.startsWith('/console');
      // Of the log's pages a few are enough; those of the newest entries come first.
      const enough = to.pathname === '/console/log' && [...known].filter((k) => k.startsWith('/console/log?')).length >= 12;
      if (enough || to.origin !== new URL(at.base).origin || !page || known.has(path)) continue;
      known.add(path);
      queue.push(path);
    }
  }
}

/** Types a payload into every field of every form of a page that makes something, and sends it. */
async function type(who, at, path) {
  await at.tab.goto(new URL(path, at.base).href);
  const forms = await at.tab.locator('main form').count();
  for (let n = 0; n < forms; n += 1) {
    await at.tab.goto(new URL(path, at.base).href);
    const payload = plan.payloads[n % plan.payloads.length];
    const sends = await at.tab.locator('main form').nth(n).evaluate((form, text) => {
      const fields = [...form.querySelectorAll('textarea, input')].filter((f) => !['hidden', 'checkbox', 'radio', 'submit'].includes(f.type));
      form.noValidate = true;
      for (const field of fields) {
        if (field.type.startsWith('date') || field.type === 'time' || field.type === 'number') field.type = 'text';
        field.removeAttribute('maxlength');
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
      }
      return fields.length > 0 && form.method === 'post';
    }, `${payload} ~typed${n % plan.payloads.length}`);
    if (!sends) continue;
    // A preview of what is typed comes after a moment.
    await at.tab.waitForTimeout(600);
    for (const what of await wrong(at)) complaints.push(`${who} types on ${path}: ${what}`);
    await Promise.all([
      at.tab.waitForEvent('load', { timeout: 5000 }).catch(() => {}),
      at.tab.locator('main form').nth(n).evaluate((form) => HTMLFormElement.prototype.submit.call(form)),
    ]);
    for (const what of await wrong(at)) complaints.push(`${who} sends from ${path}: ${what}`);
    const content = await at.tab.content();
    for (const [, mark] of content.matchAll(/~([a-z-]+\d)/g)) (seen[mark] ??= new Set()).add(`sent from ${path}`);
  }
}

const reflected = plan.queries.flatMap((q) => plan.payloads.map((p, n) => q.replace('§', encodeURIComponent(`${p} ~query${n}`))));

// A passkey is named with each payload, by somebody who is invited.
{
  const at = await open();
  at.base = plan.site;
  const cdp = await at.context.newCDPSession(at.tab);
  for (const [n, payload] of plan.payloads.entries()) {
    await cdp.send('WebAuthn.enable');
    await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
    await at.tab.goto(plan.invited[n]);
    for (const what of await wrong(at)) complaints.push(`join: ${what}`);
    await at.tab.locator('#label').fill(`${payload} ~label${n}`);
    await at.tab.getByRole('button').filter({ hasText: /passkey/i }).first().click();
    await at.tab.waitForURL((url) => !url.pathname.includes('/join'));
    await look('invited', at, '/console/passkey');
    await at.context.clearCookies();
    await cdp.send('WebAuthn.disable');
  }
  await at.context.close();
}

for (const [who, link] of Object.entries(plan.links)) {
  const at = await open();
  await at.tab.goto(link);
  await at.tab.getByRole('button', { name: 'Open the console' }).click();
  await at.tab.waitForURL((url) => !url.pathname.includes('/enter'));
  // What stands in an address is shown the same to everybody who is let in.
  await walk(who, at, who === 'admin' ? [...plan.pages, ...reflected] : plan.pages);
  for (const path of plan.forms) await type(who, at, path);
  await at.context.close();
}
const stranger = await open();
await walk('stranger', stranger, ['/', '/street', ...plan.pages, ...reflected]);
await browser.close();

assert.deepEqual(complaints, []);
const marks = Object.fromEntries(Object.entries(seen).map(([mark, kinds]) => [mark, [...kinds]]));
console.log(JSON.stringify({ marks, visited }));
