// An off certificate: what the entries in it prove, to somebody who believes one log's key and a quorum of witnesses.
import { bytes, canonical, logKey, must, policy, proven, Refused, signs, unbase64, type Checkpoint, type Json, type Leaf, type Proven } from './log';

/** The file as the city gives it. */
export interface Certificate {
  v: 1;
  city: string;
  origin: string;
  vkey: string;
  order: string;
  made: string;
  witnesses?: string;
  entries: string[];
}

/** What is proven of one camera. */
export interface Camera {
  leaseUntil?: string;
  /** Whether that lease was for a device that the city cannot stop. */
  foreign: boolean;
  at?: string;
  frames?: number;
  reads?: number;
  spool?: string;
  /** Whether its own signature is there, and holds. */
  signed: boolean;
}

/** What a certificate proves. */
export interface Certified {
  entry: number;
  order: Leaf;
  cameras: Map<string, Camera>;
  size: number;
  by: { name: string; at: number }[];
}

const MOST = 100_000;

/** Reads a certificate; it proves nothing before `check`. */
export function parse(text: string): Certificate {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Refused('no_certificate');
  }
  const one = (found ?? {}) as Partial<Record<keyof Certificate, unknown>>;
  const texts = [one.city, one.origin, one.vkey, one.order, one.made, one.witnesses ?? ''];
  const entries = Array.isArray(one.entries) ? one.entries : [];
  const good = one.v === 1 && texts.every((t) => typeof t === 'string') && entries.every((e) => typeof e === 'string');
  if (!good || entries.length < 1 || entries.length > MOST) throw new Refused('no_certificate');
  return found as Certificate;
}

const text = (leaf: Leaf, name: string): string | undefined => {
  const value = leaf.facts?.[name];
  return typeof value === 'string' ? value : undefined;
};
const count = (leaf: Leaf, name: string): number | undefined => {
  const value = leaf.facts?.[name];
  return typeof value === 'number' ? value : undefined;
};

/** The cameras that an order names; none for all. */
export function named(order: Leaf): string[] | null {
  const one = text(order, 'camera');
  return text(order, 'cameras')?.split(/\s+/).filter(Boolean) ?? (one === undefined ? null : [one]);
}

/** The keys that cameras sign with, as entries before tell them. */
class Devices {
  private device = new Map<string, Uint8Array>();
  private lease = new Map<string, Uint8Array>();

  /** Takes an entry into account; says whether it is a camera's word whose signature holds. */
  add(index: number, leaf: Leaf): boolean {
    const camera = text(leaf, 'camera') ?? '';
    const key = unbase64(text(leaf, 'key') ?? '');
    const id = leaf.id ?? '';
    if (leaf.type === 'camera.enrolled' && key) this.device.set(id, key);
    if (leaf.type === 'lease.granted' && key) this.lease.set(`${camera} ${id}`, key);
    if (leaf.type === 'camera.stopped') {
      const fields = { camera, lease: id, counter: count(leaf, 'counter'), at: text(leaf, 'at'), frames: count(leaf, 'frames'), spool: text(leaf, 'spool') };
      return this.holds(index, leaf, 'homeplate/stop/v1', fields, this.lease.get(`${camera} ${id}`));
    }
    if (leaf.type === 'camera.off') {
      const fields = { camera, order: text(leaf, 'order'), frames: count(leaf, 'frames'), at: text(leaf, 'at'), spool: text(leaf, 'spool'), erased: count(leaf, 'erased') ?? 0 };
      return this.holds(index, leaf, 'homeplate/camera-off/v1', fields, this.device.get(camera));
    }
    return false;
  }

  private holds(index: number, leaf: Leaf, domain: string, fields: Record<string, string | number | undefined>, key?: Uint8Array): boolean {
    const signature = unbase64(text(leaf, 'signed') ?? '');
    if (!key || text(leaf, 'signed') === undefined) return false;
    // What is left out in the entry was left out in what was signed.
    const body = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Json;
    if (signature && signs(key, bytes(`${domain}\n${canonical(body)}`), signature)) return true;
    throw new Refused('not_the_camera', String(index));
  }
}

function cameras(entries: Proven[], given: Proven): Map<string, Camera> {
  const order = given.leaf;
  const out = new Map<string, Camera>();
  const devices = new Devices();
  const some = named(order);
  for (const { index, leaf } of entries) {
    const signed = devices.add(index, leaf);
    if (leaf.type === 'order.off') continue;
    const id = must(leaf.type === 'camera.enrolled' ? leaf.id : text(leaf, 'camera'), 'no_camera', String(index));
    if (some && !some.includes(id)) throw new Refused('other_camera', String(index));
    const one = out.get(id) ?? { foreign: false, signed: false };
    out.set(id, one);
    if (leaf.type === 'lease.granted') {
      const until = text(leaf, 'until');
      if (until !== undefined) one.leaseUntil = until;
      one.foreign = leaf.facts?.foreign === true;
    } else if (leaf.type === 'camera.stopped' || leaf.type === 'camera.off') {
      const of = text(leaf, 'order');
      if (of !== undefined && of !== order.id) throw new Refused('other_order', String(index));
      // An order that was entered at a camera comes behind its answer, which names it.
      const early = index < given.index && (of === undefined || leaf.type === 'camera.stopped');
      if (early) throw new Refused('too_early', String(index));
      one.at ??= text(leaf, 'heard') ?? leaf.time;
      const [frames, reads, spool] = [count(leaf, 'frames'), count(leaf, 'counter'), text(leaf, 'spool')];
      if (frames !== undefined) one.frames = frames;
      if (reads !== undefined) one.reads = reads;
      if (spool !== undefined) one.spool = spool;
      one.signed ||= signed;
    } else if (leaf.type !== 'camera.enrolled') {
      throw new Refused('other_type', `${index} ${leaf.type}`);
    }
  }
  return out;
}

/** What it proves under this key of the log and, where there is a policy, a quorum of its witnesses. */
export function check(certificate: Certificate, vkey: string, witnesses: string): Certified {
  const log = logKey(vkey);
  const asked = witnesses.trim() === '' ? { witnesses: [], quorum: null } : policy(witnesses);
  const opened = new Map<string, Checkpoint>();
  const entries = certificate.entries.map((receipt) => proven(receipt, log, asked, opened));
  entries.sort((a, b) => a.index - b.index);
  const isOrder = ({ leaf }: Proven): boolean => leaf.type === 'order.off' && leaf.id === certificate.order;
  const order = must(entries.find(isOrder), 'no_order');
  if (text(order.leaf, 'level') !== 'capture') throw new Refused('other_level');
  const least = entries.reduce((a, b) => (b.seen.size < a.seen.size ? b : a)).seen;
  return { entry: order.index, order: order.leaf, cameras: cameras(entries, order), size: least.size, by: least.by };
}
