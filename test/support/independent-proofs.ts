/**
 * What another verifier needs of the public standards, written from them alone: RFC 9162's tree, and C2SP's signed notes
 * with checkpoints in them. It imports nothing of Curfew.
 */
import { createHash, createPublicKey, verify as isSignature, type KeyObject } from 'node:crypto';

export type Key = { readonly name: string; readonly id: Buffer; readonly key: KeyObject };
type Head = { readonly size: number; readonly root: Buffer };
export type Checkpoint = Head & { readonly log: string; readonly epoch: number; readonly at: number };

const sha256 = (...parts: readonly Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
export const hexOf = (bytes: Uint8Array): string => sha256(bytes).toString('hex');
export function must(holds: unknown, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
function base64(text: string, length: number): Buffer {
  const bytes = Buffer.from(text, 'base64');
  must(bytes.toString('base64') === text && bytes.length === length, `no base64 of ${length} bytes: ${text}`);
  return bytes;
}
export const hashes = (texts: readonly string[]): readonly Buffer[] => texts.map((text) => base64(text, 32));

// The tree: RFC 9162, section 2.1.

export const leafOf = (line: Uint8Array): Buffer => sha256(Buffer.of(0), line);
const above = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right);
const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

/** A level up in both algorithms, and past the levels at which a last node has no sibling. */
function up(node: number, last: number): readonly [number, number] {
  let [fn, sn] = [node, last];
  if (fn === sn) while (!isOdd(fn) && fn > 0) [fn, sn] = [half(fn), half(sn)];
  return [half(fn), half(sn)];
}

/** Section 2.1.3.2. */
export function isIncluded(leaf: Buffer, index: number, { size, root }: Head, proof: readonly Buffer[]): boolean {
  let [fn, sn, r] = [index, size - 1, leaf];
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  for (const p of proof) {
    if (sn === 0) return false;
    r = isOdd(fn) || fn === sn ? above(p, r) : above(r, p);
    [fn, sn] = up(fn, sn);
  }
  return sn === 0 && r.equals(root);
}

/** Section 2.1.4.2. */
export function isContinued(first: Head, second: Head, proof: readonly Buffer[]): boolean {
  let [fn, sn] = [first.size - 1, second.size - 1];
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  // Then `first.size` is a power of two, and its root would be the proof's first hash.
  const [begin, ...rest] = fn === 0 ? [first.root, ...proof] : proof;
  if (first.size >= second.size || !begin) return false;
  let [fr, sr] = [begin, begin];
  for (const c of rest) {
    if (sn === 0) return false;
    [fr, sr] = isOdd(fn) || fn === sn ? [above(c, fr), above(c, sr)] : [fr, above(sr, c)];
    [fn, sn] = up(fn, sn);
  }
  return sn === 0 && fr.equals(first.root) && sr.equals(second.root);
}

/** The complete subtrees that the leaves of a growing tree make, the widest first (section 2.1.2). */
export class Tree {
  readonly #parts: { readonly width: number; readonly hash: Buffer }[] = [];

  constructor(size: number, edge: readonly Buffer[]) {
    const widths = Array.from({ length: 53 }, (_, at) => 2 ** (52 - at)).filter((width) =>
      isOdd(Math.floor(size / width)),
    );
    must(widths.length === edge.length, 'the edge is not of so many leaves');
    this.#parts = widths.map((width, at) => ({ width, hash: edge[at] as Buffer }));
  }

  push(leaf: Buffer): void {
    let [width, hash] = [1, leaf];
    for (let left = this.#parts.at(-1); left?.width === width; left = this.#parts.at(-1)) {
      [width, hash] = [2 * width, above(left.hash, hash)];
      this.#parts.pop();
    }
    this.#parts.push({ width, hash });
  }

  root = (): Buffer => this.#parts.map(({ hash }) => hash).reduceRight((right, left) => above(left, right));
}

// What is signed: C2SP signed-note and tlog-checkpoint.

export function keyOf(text: string): Key {
  const [, name = '', hash = '', base = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  const bytes = base64(base, 33);
  const id = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4);
  must(bytes[0] === 1 && id.toString('hex') === hash, 'this is no public key of a log');
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)]);
  return { name, id, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** The parts of a note's text, if a key signed it and none of them signed something else. */
function opened(keys: readonly Key[], note: string, form: RegExp): readonly string[] {
  const [, text = '', signatures = ''] = /^(.*?\n)\n((?:\u2014 \S+ \S+\n)+)$/s.exec(note) ?? [];
  const ours = [...signatures.matchAll(/(\S+) (\S+)\n/g)].flatMap(([, name, base = '']) => {
    const bytes = Buffer.from(base, 'base64');
    const key = keys.find((one) => one.name === name && one.id.equals(bytes.subarray(0, 4)));
    return key ? [isSignature(null, Buffer.from(text), key.key, base64(base, 68).subarray(4))] : [];
  });
  const parts = form.exec(text);
  must(ours.length > 0 && ours.every(Boolean) && parts, `not signed by the key, or in another form: ${note}`);
  return parts.slice(1);
}

const checkpoint = /^(\S+)\/([1-9]\d*)\n([1-9]\d*)\n(\S+)\nat (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n$/;
export function checkpointOf(keys: readonly Key[], note: string): Checkpoint {
  const [log = '', epoch, size, root = '', at = ''] = opened(keys, note, checkpoint);
  return { log, epoch: Number(epoch), size: Number(size), root: base64(root, 32), at: Date.parse(at) };
}

/** From how many entries on a restored log is another epoch's, and how many the one before had, as far as is known. */
export type Opening = { readonly log: string; readonly epoch: number; readonly began: number; readonly lost: Head };
const none = Buffer.alloc(32).toString('base64');
const opening =
  /^(\S+)\/([1-9]\d*)\nepoch begins at (\d+)\nlost (?:nothing that is known|(\d+) (\S+))\nrecovery \S+\n$/;
export function openingOf(keys: readonly Key[], note: string): Opening {
  const [log = '', epoch, began, size = 0, root = none] = opened(keys, note, opening);
  return { log, epoch: Number(epoch), began: Number(began), lost: { size: Number(size), root: base64(root, 32) } };
}
