// Checks an off certificate on the machine of whoever doubts it. The one file that this is built into asks nobody:
// from a city's own server it may fetch that city's certificate, and that is all.
import '../style.css';
import { check, named, parse, type Camera, type Certificate, type Certified } from './certificate';
import { Refused } from './log';
import { texts, type Word } from './words';

const of = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const form = of<HTMLFormElement>('form');
const file = of<HTMLInputElement>('file');
const vkey = of<HTMLInputElement>('vkey');
const witnesses = of<HTMLTextAreaElement>('witnesses');
const result = of('result');
const chosen = of('chosen');

let lang: 'en' | 'es' = navigator.language.startsWith('es') ? 'es' : 'en';
/** What was chosen or fetched. */
let held: { name: string; text: string } | undefined;
/** Shows the result again, in whichever language. */
let again: () => void = () => undefined;

const t = (word: Word, n = ''): string => texts[lang][word].replace('{n}', () => n);
const isWord = (word: string): word is Word => word in texts.en;
const when = (time: string | number): string => {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
};
const number = (n: number): string => n.toLocaleString(lang);

function element(tag: string, text: string, kind = ''): HTMLElement {
  const out = document.createElement(tag);
  out.textContent = text;
  if (kind) out.className = kind;
  return out;
}

function facts(rows: [string, string | undefined][]): HTMLElement {
  const out = document.createElement('dl');
  out.className = 'facts';
  for (const [name, value] of rows) {
    if (value !== undefined) out.append(element('dt', name), element('dd', value));
  }
  return out;
}

function notice(kind: 'good' | 'warn' | 'bad', title: string, ...more: string[]): HTMLElement {
  const out = element('div', '', `notice ${kind}`);
  if (title) out.append(element('h2', title));
  out.append(...more.map((text) => element('p', text)));
  return out;
}

function said(camera: Camera): string {
  if (camera.at === undefined) {
    if (camera.leaseUntil === undefined) return t('no_lease');
    return camera.foreign ? t('foreign') : t('lease', when(camera.leaseUntil));
  }
  const parts = [t('stopped', when(camera.at))];
  if (camera.frames !== undefined) parts.push(t('frame', number(camera.frames)));
  if (camera.reads !== undefined) parts.push(t('read', number(camera.reads)));
  if (camera.spool !== undefined) parts.push(t(camera.spool === 'erased' ? 'erased' : 'kept'));
  parts.push(t(camera.signed ? 'signed' : 'no_signature'));
  return parts.join(' · ');
}

function show(certificate: Certificate, proven: Certified, key: string, own: { key: boolean; witnesses: boolean }): void {
  const { order } = proven;
  const fact = (name: string): string | undefined => order.facts?.[name]?.toString();
  const time = (name: string): string | undefined => (fact(name) === undefined ? undefined : when(fact(name) ?? ''));
  const spool = fact('spool');
  const held = notice('good', t('holds'), ...(own.key ? [] : [t('your_key')]));
  const doubts = [own.key && t('own_key'), own.witnesses && proven.by.length > 0 && t('own_witnesses')].filter((x) => x !== false);
  result.replaceChildren(held, ...(doubts.length > 0 ? [notice('warn', '', ...doubts)] : []));
  result.append(
    element('h2', t('order')),
    facts([
      [t('order'), certificate.order],
      [t('log'), `${t('order_of', number(proven.entry))} · ${key.split('+')[0] ?? ''}`],
      [t('given'), when(order.time)],
      [t('by'), order.by],
      [t('level'), fact('level')],
      [t('scope'), named(order)?.join(', ') ?? t('every')],
      [t('reason'), fact('reason')],
      [t('from'), time('from')],
      [t('until'), time('until')],
      [t('spool'), spool === undefined ? undefined : t(spool === 'erase' ? 'erase' : 'keep')],
    ]),
    element('h2', t('cameras')),
  );
  const list = element('ul', '', 'rows');
  for (const [id, camera] of proven.cameras) {
    const row = element('li', '');
    row.append(element('strong', id), element('span', ` ${said(camera)}`, 'quiet'));
    list.append(row);
  }
  result.append(proven.cameras.size > 0 ? list : element('p', t('no_cameras')));
  const by = proven.by.map(({ name, at }) => `${name}, ${when(at)}`).join('; ');
  result.append(
    element('h2', t('log')),
    facts([
      [t('size'), number(proven.size)],
      [t('key'), key],
      [t('witnessed'), by === '' ? t('city_alone') : by],
    ]),
    element('p', t('silent'), 'quiet'),
  );
}

function refused(e: unknown): void {
  const why = e instanceof Refused && isWord(e.word) ? t(e.word, e.about) : String(e);
  result.replaceChildren(notice('bad', t('fails'), why));
}

/** Checks what is held, with what was typed or else with what the certificate says of itself. */
function run(): void {
  again = () => {
    chosen.textContent = held ? t('chosen', held.name) : '';
    try {
      const certificate = parse(held?.text ?? '');
      const own = { key: vkey.value.trim() === '', witnesses: witnesses.value.trim() === '' };
      const key = own.key ? certificate.vkey : vkey.value.trim();
      const asked = own.witnesses ? (certificate.witnesses ?? '') : witnesses.value;
      show(certificate, check(certificate, key, asked), key, own);
    } catch (e) {
      refused(e);
    }
  };
  again();
}

function speak(to: 'en' | 'es'): void {
  lang = to;
  document.documentElement.lang = to;
  document.title = `Homeplate: ${t('title')}`;
  for (const place of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const word = place.dataset.text ?? '';
    if (isWord(word)) place.textContent = t(word);
  }
  for (const place of document.querySelectorAll<HTMLElement>('[data-text-label]')) place.ariaLabel = t('languages');
  again();
}

/** A city's page names one of its own orders behind the `#`; nothing else is ever fetched. */
async function fromHere(): Promise<void> {
  const order = /^#(ord_[0-9a-z_]+)$/.exec(location.hash)?.[1];
  if (order === undefined || !location.protocol.startsWith('http')) return;
  result.replaceChildren(notice('warn', '', t('fetching')));
  try {
    const answer = await fetch(`/v1/orders/${order}/certificate`, { credentials: 'omit' });
    if (!answer.ok) throw new Error(answer.statusText);
    held = { name: `${order}.off.json`, text: await answer.text() };
    run();
  } catch {
    again = () => result.replaceChildren(notice('bad', '', t('not_fetched')));
    again();
  }
}

for (const button of document.querySelectorAll<HTMLElement>('[data-lang]')) {
  button.addEventListener('click', () => speak(button.dataset.lang === 'es' ? 'es' : 'en'));
}
file.addEventListener('change', async () => {
  const one = file.files?.[0];
  if (!one) return;
  held = { name: one.name, text: await one.text() };
  run();
});
form.addEventListener('submit', (e) => {
  e.preventDefault();
  run();
});
speak(lang);
void fromHere();
