// Proofs of the public log, read by a browser: keys, checkpoints, witnesses, entries.
//
// Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof), RFC 6962 and
// ref/log-v1.md, and not from the city's own verifier, so that the two share no mistakes.
import { hashes, verify } from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2.js';

hashes.sha512 = sha512;

/** Why something is not believed: a word of the page's texts, and what it is about. */
export class Refused extends Error {
  constructor(
    readonly word: string,
    readonly about = '',
  ) {
    super(`${word} ${about}`);
  }
}

/** What is under a name, or nothing believed. */
export function must<T>(value: T | null | undefined, word: string, about = ''): T {
  if (value === null || value === undefined) throw new Refused(word, about);
  return value;
}

const utf8 = new TextEncoder();
export const bytes = (text: string): Uint8Array => utf8.encode(text);

function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((x, i) => x === b[i]);

/** Strict base64 (RFC 4648): one spelling, with its padding. */
export function unbase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  try {
    const found = atob(text);
    return btoa(found) === text ? Uint8Array.from(found, (c) => c.charCodeAt(0)) : null;
  } catch {
    return null;
  }
}

/** Whether `signature` is this Ed25519 key's over `said` (RFC 8032, no lax points). */
export function signs(key: Uint8Array, said: Uint8Array, signature: Uint8Array): boolean {
  try {
    return key.length === 32 && signature.length === 64 && verify(signature, said, key, { zip215: false });
  } catch {
    return false;
  }
}

/** A verifier key: `name+id+base64 of a type byte and the key`. */
export interface Key {
  name: string;
  id: Uint8Array;
  key: Uint8Array;
}

const LOG = 1;
const WITNESS = 4;

function key(text: string, kind: number): Key | null {
  const found = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text);
  const tagged = found && unbase64(found[3] ?? '');
  if (!found || !tagged || tagged.length !== 33 || tagged[0] !== kind) return null;
  const name = found[1] ?? '';
  const id = sha256(join(bytes(`${name}\n`), tagged)).subarray(0, 4);
  const spelled = Array.from(id, (b) => b.toString(16).padStart(2, '0')).join('');
  return spelled === found[2] ? { name, id, key: tagged.subarray(1) } : null;
}

/** The log's key. */
export const logKey = (text: string): Key => must(key(text.trim(), LOG), 'bad_key');

type Rule = { witness: Key; name: string } | { least: number; members: Rule[] };

/** Which witnesses must have signed. */
export interface Policy {
  witnesses: { name: string; key: Key }[];
  quorum: Rule | null;
}

/** Reads a witness policy (C2SP tlog-policy). */
export function policy(text: string): Policy {
  const names = new Map<string, Rule>();
  const taken = new Set<string>();
  const witnesses: Policy['witnesses'] = [];
  let quorum: Rule | null | undefined;
  const define = (name: string, rule: Rule, line: string): void => {
    if (name === 'none' || names.has(name)) throw new Refused('bad_policy', line);
    names.set(name, rule);
  };
  for (const line of text.split('\n')) {
    const words = line.split(/[ \t\r]+/).filter((w) => w !== '');
    const [sort, name = '', third = '', ...rest] = words;
    if (sort === undefined || sort.startsWith('#')) continue;
    if (sort === 'log' && words.length <= 3) continue;
    if (sort === 'witness' && words.length >= 3 && words.length <= 4) {
      const found = must(key(third, WITNESS), 'bad_policy', line);
      if (witnesses.some((w) => same(w.key.key, found.key))) throw new Refused('bad_policy', line);
      witnesses.push({ name, key: found });
      define(name, { witness: found, name }, line);
    } else if (sort === 'group' && rest.length > 0) {
      const least = third === 'any' ? 1 : third === 'all' ? rest.length : /^[1-9][0-9]*$/.test(third) ? Number(third) : 0;
      if (least < 1 || least > rest.length) throw new Refused('bad_policy', line);
      const members = rest.map((member) => {
        // No witness counts twice.
        if (taken.has(member)) throw new Refused('bad_policy', line);
        taken.add(member);
        return must(names.get(member), 'bad_policy', line);
      });
      define(name, { least, members }, line);
    } else if (sort === 'quorum' && words.length === 2 && quorum === undefined) {
      quorum = name === 'none' ? null : must(names.get(name), 'bad_policy', line);
    } else {
      throw new Refused('bad_policy', line);
    }
  }
  if (quorum === undefined) throw new Refused('bad_policy', 'quorum');
  return { witnesses, quorum };
}

function met(rule: Rule | null, by: Set<string>): boolean {
  if (rule === null) return true;
  if ('witness' in rule) return by.has(rule.name);
  return rule.members.filter((m) => met(m, by)).length >= rule.least;
}

/** What a checkpoint states, and who has witnessed it when (milliseconds since 1970). */
export interface Checkpoint {
  size: number;
  root: Uint8Array;
  by: { name: string; at: number }[];
}

interface Line {
  name: string;
  blob: Uint8Array;
}

function signatures(text: string): Line[] {
  if (!text.endsWith('\n')) throw new Refused('bad_checkpoint');
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const found = must(/^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u.exec(line), 'bad_checkpoint');
      return { name: found[1] ?? '', blob: must(unbase64(found[2] ?? ''), 'bad_checkpoint') };
    });
}

const by = (line: Line, one: Key): boolean => line.name === one.name && line.blob.length > 4 && same(line.blob.subarray(0, 4), one.id);

function cosigned(line: Line, one: Key, text: string): number {
  const stamp = line.blob.subarray(4, 12);
  if (line.blob.length !== 4 + 8 + 64) throw new Refused('bad_cosignature', one.name);
  const seconds = new DataView(stamp.buffer, stamp.byteOffset, 8).getBigUint64(0);
  const said = bytes(`cosignature/v1\ntime ${seconds}\n${text}`);
  if (!signs(one.key, said, line.blob.subarray(12))) throw new Refused('bad_cosignature', one.name);
  return Number(seconds) * 1000;
}

/** Opens a checkpoint with the log's key and the witnesses' keys. */
export function open(note: string, log: Key, asked: Policy): Checkpoint {
  const end = note.indexOf('\n\n');
  const text = note.slice(0, end + 1);
  const found = must(/^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/=]{44})\n$/u.exec(end < 0 ? '' : text), 'bad_checkpoint');
  if (found[1] !== log.name) throw new Refused('other_log', found[1]);
  const lines = signatures(note.slice(end + 2));
  const own = lines.filter((line) => by(line, log));
  if (own.length !== 1 || !own.every((line) => signs(log.key, bytes(text), line.blob.subarray(4)))) {
    throw new Refused('unsigned', log.name);
  }
  const witnessed: Checkpoint['by'] = [];
  for (const { name, key } of asked.witnesses) {
    const line = lines.find((line) => by(line, key));
    if (line) witnessed.push({ name, at: cosigned(line, key, text) });
  }
  if (!met(asked.quorum, new Set(witnessed.map((w) => w.name)))) throw new Refused('no_quorum');
  const root = must(unbase64(found[3] ?? ''), 'bad_checkpoint');
  return { size: Number(found[2]), root, by: witnessed };
}

const leafHash = (entry: Uint8Array): Uint8Array => sha256(join(Uint8Array.of(0), entry));
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(join(Uint8Array.of(1), left, right));

/** Whether `path` leads from entry number `index` of `size` to the root (RFC 9162, section 2.1.3.2). */
export function included(entry: Uint8Array, index: number, size: number, path: Uint8Array[], root: Uint8Array): boolean {
  if (index >= size) return false;
  let [at, last, hash] = [index, size - 1, leafHash(entry)];
  const up = (): void => {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  };
  for (const beside of path) {
    if (last === 0 || beside.length !== 32) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(beside, hash);
      while (at % 2 === 0 && at !== 0) up();
    } else {
      hash = nodeHash(hash, beside);
    }
    up();
  }
  return last === 0 && same(hash, root);
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Canonical JSON (RFC 8785) of what the log holds: whole numbers, no others. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const fields = Object.keys(value).sort();
    return `{${fields.map((k) => `${JSON.stringify(k)}:${canonical(value[k] ?? null)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Refused('bad_entry');
  return JSON.stringify(value);
}

/** An entry of the log. */
export interface Leaf {
  v: number;
  type: string;
  time: string;
  id?: string;
  by?: string;
  facts?: { [key: string]: string | number | boolean };
}

/** An entry that is proven to be on the log. */
export interface Proven {
  index: number;
  leaf: Leaf;
  seen: Checkpoint;
}

/** Reads a receipt (C2SP tlog-proof with the entry as its extra data) and proves it. Checkpoints that were `opened` with the
 * same keys are not opened again: receipts of one log mostly share one. */
export function proven(receipt: string, log: Key, asked: Policy, opened = new Map<string, Checkpoint>()): Proven {
  const [head = '', ...rest] = receipt.split('\n\n');
  const [title, extra = '', place = '', ...path] = head.split('\n');
  const number = /^index (0|[1-9][0-9]{0,15})$/.exec(place)?.[1];
  if (title !== 'c2sp.org/tlog-proof@v1' || !extra.startsWith('extra ') || number === undefined || path.length > 64) {
    throw new Refused('bad_receipt');
  }
  const index = Number(number);
  const entry = must(unbase64(extra.slice(6)), 'bad_receipt', number);
  const hashes = path.map((line) => must(unbase64(line), 'bad_receipt', number));
  const note = rest.join('\n\n');
  const seen = opened.get(note) ?? open(note, log, asked);
  opened.set(note, seen);
  if (!included(entry, index, seen.size, hashes, seen.root)) throw new Refused('not_there', number);
  return { index, leaf: leaf(entry, number), seen };
}

function leaf(entry: Uint8Array, number: string): Leaf {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(entry);
    const value = JSON.parse(text) as Json;
    if (canonical(value) === text && value !== null && typeof value === 'object' && !Array.isArray(value) && value.v === 1) {
      return value as unknown as Leaf;
    }
  } catch {
    // Said below.
  }
  throw new Refused('bad_entry', number);
}
