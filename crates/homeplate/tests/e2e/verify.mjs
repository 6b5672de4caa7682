// Checks a Homeplate log and computes its figures: node verify.mjs FOLDER VKEY [COSIGNED WITNESS-KEY...]
//
// Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature), RFC 6962 and
// ref/log-v1.md, so that it shares neither code nor mistakes with the Rust verifier.
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

class Refused extends Error {}
const refuse = why => { throw new Refused(why) }
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest()
const leafHash = entry => sha256(Buffer.of(0), entry)
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right)

const unbase64 = text => {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : refuse(`not strict base64: ${text}`)
}
const utf8 = bytes => {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : refuse('text that is not UTF-8')
}

function parseVkey(text, kind = 1) {
  const [, name, id, key] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? refuse('not a verifier key')
  const tagged = unbase64(key)
  if (tagged.length !== 33 || tagged[0] !== kind) refuse('not an Ed25519 verifier key')
  if (sha256(`${name}\n`, tagged).toString('hex', 0, 4) !== id) refuse('the verifier key does not match its id')
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), tagged.subarray(1)])
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

function openCheckpoint(bytes, vkey) {
  const note = utf8(bytes)
  const form = /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/=]{44})\n\n\u2014 ([^\n ]+) ([A-Za-z0-9+/=]+)\n$/u
  const [, origin, size, root, name, signed] = form.exec(note) ?? refuse('the checkpoint is malformed')
  if (origin !== vkey.name || name !== vkey.name) refuse('the checkpoint is of another log')
  const signature = unbase64(signed)
  const text = Buffer.from(note.slice(0, note.indexOf('\n\n') + 1))
  if (signature.toString('hex', 0, 4) !== vkey.id) refuse('the checkpoint is signed by another key')
  if (!verify(null, text, vkey.key, signature.subarray(4))) refuse('the signature does not hold')
  return { size: Number(size), root: unbase64(root) }
}

// A checkpoint with the cosignatures of all these witnesses, each of which signs its time with the text.
function openCosigned(bytes, vkey, witnesses) {
  const note = utf8(bytes)
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  const lines = note.slice(text.length + 1).split('\n').filter(Boolean)
  const own = openCheckpoint(Buffer.from(`${text}\n${lines[0]}\n`), vkey)
  for (const { name, id, key } of witnesses) {
    const blobs = lines.map(line => line.split(' ')).filter(words => words[1] === name).map(words => unbase64(words[2]))
    const blob = blobs.find(b => b.toString('hex', 0, 4) === id) ?? refuse(`${name} has not cosigned`)
    const said = `cosignature/v1\ntime ${blob.readBigUInt64BE(4)}\n${text}`
    if (!verify(null, Buffer.from(said), key, blob.subarray(12))) refuse(`the cosignature of ${name} does not hold`)
  }
  return own
}

// RFC 6962, section 2.1: the largest power of two below n goes left.
function root(hashes) {
  if (hashes.length === 0) return sha256()
  if (hashes.length === 1) return hashes[0]
  let left = 1
  while (left * 2 < hashes.length) left *= 2
  return nodeHash(root(hashes.slice(0, left)), root(hashes.slice(left)))
}

const padded = n => String(n).padStart(Math.ceil(String(n).length / 3) * 3, '0').match(/.{3}/g)
const tilePath = (level, n) => `tile/${level}/` + padded(n).map((d, i, all) => (i < all.length - 1 ? 'x' : '') + d).join('/')

function splitBundle(bytes, path) {
  const entries = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 2 + (at + 2 <= bytes.length ? bytes.readUInt16BE(at) : bytes.length)
    if (end > bytes.length) refuse(`${path} ends in the middle of an entry`)
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}

const canonical = value => Array.isArray(value) ? `[${value.map(canonical)}]`
  : value && typeof value === 'object' ? `{${Object.keys(value).sort().map(k => `${JSON.stringify(k)}:${canonical(value[k])}`)}}`
  : typeof value !== 'number' || Number.isSafeInteger(value) ? JSON.stringify(value)
  : refuse(`${value} is not a whole number`)

function parseLeaf(entry, number) {
  const text = utf8(entry)
  let leaf
  try { leaf = JSON.parse(text) } catch { refuse(`entry ${number} is not JSON`) }
  if (canonical(leaf) !== text || leaf.v !== 1) refuse(`entry ${number} is not a canonical leaf of version 1`)
  return leaf
}

// Audit by lottery: which questions of a month the root at its end draws (ref/log-v1.md).
function draws(leaves, rootOf) {
  const months = new Map()
  let month = ''
  let questions = []
  const drawn = new Set()
  for (const [number, leaf] of leaves.entries()) {
    const here = leaf.time.slice(0, 7)
    if (here > month) {
      if (questions.length) months.set(month, { size: number, questions })
      month = here
      questions = []
    }
    if (leaf.type === 'search.intent' || leaf.type === 'search.refused') questions.push(number)
    if (leaf.type !== 'audit.drawn') continue
    const over = months.get(leaf.id)
    if (!over) refuse(`entry ${number} draws a month that is not over, or was drawn`)
    months.delete(leaf.id)
    const rootThen = rootOf(over.size)
    const rank = n => {
      const index = Buffer.alloc(8)
      index.writeBigUInt64BE(BigInt(n))
      return sha256(Buffer.from('homeplate/lottery/v1\n'), rootThen, index).toString('hex')
    }
    const n = over.questions.length
    const many = Math.min(n, Math.max(10, Math.min(100, Math.ceil(n / 20))))
    const ranked = over.questions.map(q => [rank(q), q]).sort(([a], [b]) => a < b ? -1 : 1)
    const entries = ranked.slice(0, many).map(([, q]) => q).sort((a, b) => a - b)
    const { facts } = leaf
    const same = facts.size === over.size && facts.root === rootThen.toString('base64')
      && facts.questions === n && facts.entries === entries.join(' ')
    if (!same) refuse(`entry ${number} draws other questions than the log does`)
    entries.forEach(entry => drawn.add(entry))
  }
  return drawn
}

function figures(leaves) {
  const of = type => leaves.filter(leaf => leaf.type === type)
  const counts = new Map()
  for (const { facts = {} } of of('counts.daily')) {
    const key = `${facts.day} ${facts.camera}`
    counts.set(key, Math.max(counts.get(key) ?? 0, facts.reads ?? 0))
  }
  // Orders to switch capture off: for some cameras or (undefined) for all, perhaps from and until a time.
  let orders = []
  for (const { type, time, facts = {} } of leaves) {
    if (facts.level !== 'capture') continue
    const named = facts.cameras?.split(' ') ?? (facts.camera && [facts.camera])
    if (type === 'order.off') {
      orders.push({ named, from: Date.parse(facts.from ?? time), until: Date.parse(facts.until ?? '9999-01-01T00:00:00Z') })
    }
    if (type !== 'order.on') continue
    const less = order => order.named && named ? { ...order, named: order.named.filter(id => !named.includes(id)) } : order
    orders = orders.map(less).filter(order => order.named ? order.named.length : named)
  }
  const now = Date.now()
  const inForce = orders.filter(order => order.from <= now && now < order.until)
  const stopped = id => inForce.some(order => !order.named || order.named.includes(id))
  const cameras = new Set(of('camera.enrolled').map(leaf => leaf.id).filter(Boolean))
  return {
    reads: [...counts.values()].reduce((sum, n) => sum + n, 0),
    hits: of('hit.raised').length,
    searches: of('search.intent').length,
    refusals: of('search.refused').length,
    cameras_on: [...cameras].filter(id => !stopped(id)).length,
  }
}

function check(folder, vkeyText, cosigned, witnesses) {
  const files = new Map(readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .map(path => [path.slice(join(folder, '/').length), readFileSync(path)]))
  const take = path => files.get(path) ?? refuse(`${path} is missing`)
  const { size, root: promised } = openCheckpoint(take('checkpoint'), parseVkey(vkeyText))
  files.delete('checkpoint')

  // Each tile or bundle of this size must be there; earlier, shorter ones must be how it begins.
  const takeTile = (level, n, width, whole) => {
    const full = tilePath(level, n)
    const bytes = take(width === 256 ? full : `${full}.p/${width}`)
    whole?.equals(bytes) === false && refuse(`${full} does not match the entries`)
    const items = level === 'entries' ? splitBundle(bytes, full) : bytes.toString('latin1').match(/[^]{1,32}/g)
    if (items.length !== width) refuse(`${full} has ${items.length} items, not ${width}`)
    const begins = w => level === 'entries' ? items.slice(0, w).reduce((sum, e) => sum + 2 + e.length, 0) : 32 * w
    for (let w = 1; w <= width; w++) {
      const path = w === 256 ? full : `${full}.p/${w}`
      const found = files.get(path)
      if (found && !found.equals(bytes.subarray(0, begins(w)))) refuse(`${path} does not match ${full}`)
      files.delete(path)
    }
    return items
  }

  const entries = []
  for (let n = 0; n * 256 < size; n++) entries.push(...takeTile('entries', n, Math.min(256, size - n * 256)))
  const hashes = entries.map(leafHash)
  for (let level = 0, row = hashes; row.length > 0; level++) {
    const above = []
    for (let n = 0; n * 256 < row.length; n++) {
      const part = row.slice(n * 256, n * 256 + 256)
      takeTile(level, n, part.length, Buffer.concat(part))
      if (part.length === 256) above.push(root(part))
    }
    row = above
  }
  if (!root(hashes).equals(promised)) refuse('the entries are not those that the checkpoint was signed over')
  for (const path of files.keys()) refuse(`${path} does not belong to the log`)
  if (cosigned) {
    const seen = openCosigned(readFileSync(cosigned), parseVkey(vkeyText), witnesses.map(text => parseVkey(text, 4)))
    const there = seen.size <= size && root(hashes.slice(0, seen.size)).equals(seen.root)
    if (!there) refuse('the log does not extend what its witnesses signed')
  }
  const leaves = entries.map(parseLeaf)
  const drawn = draws(leaves, n => root(hashes.slice(0, n)))
  return { size, root: promised.toString('base64'), figures: { ...figures(leaves), drawn: drawn.size } }
}

try {
  const [folder, vkey, cosigned, ...witnesses] = process.argv.slice(2)
  if (!vkey) refuse('usage: node verify.mjs FOLDER VKEY [COSIGNED WITNESS-KEY...]')
  console.log(JSON.stringify(check(folder, vkey, cosigned, witnesses)))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
