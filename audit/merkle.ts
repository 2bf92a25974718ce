/**
 * The Merkle tree of RFC 6962, section 2.1 (and RFC 9162, section 2.1): which hashes a root, a proof of inclusion and
 * a proof of consistency are made of, and what makes one valid. Sync, pure, over SHA-256 alone; where the hashes are
 * kept is the caller's. Sizes and indexes are whole numbers below 2^53, so they are halved and never shifted.
 *
 * A proof is asked for in two steps, so that one round trip reads everything: first the names of the complete subtrees
 * (their hashes never change, however the log grows), then the folding of what was read.
 */
import { hash } from 'node:crypto';

/** A complete subtree of 2^level leaves, the `index`-th of its level. Level 0 are the leaves' own hashes. */
export type NodeId = { readonly level: number; readonly index: number };

/** Reads the hashes of complete subtrees, in the order in which they were asked for. */
export type ReadNodes = (nodes: readonly NodeId[]) => Promise<readonly Buffer[]>;

export const hashBytes = 32;

/** SHA-256 of nothing: the root of a tree without leaves. */
export const emptyRoot: Buffer = Buffer.from(hash('sha256', '', 'hex'), 'hex');

/** NB. By way of a string: a buffer made by the hash itself costs two and a half times as much as one from the pool. */
const sha256 = (bytes: Uint8Array): Buffer => Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');

/** SHA-256 of 0x00 and the leaf's bytes; the prefix keeps a leaf from ever standing for a node. */
export function leafHash(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafe(bytes.byteLength + 1);
  own[0] = 0;
  own.set(bytes, 1);
  return sha256(own);
}

/** The same of many, one hash after another: a buffer for each, and for each one's bytes, would cost as much as the hash. */
export function leafHashes(leaves: readonly { readonly line: Uint8Array }[]): Buffer {
  const hashes = Buffer.allocUnsafe(leaves.length * hashBytes);
  let at = 0;
  for (const { line } of leaves) {
    const { byteLength } = line;
    if (byteLength >= prefixed.byteLength) leafHash(line).copy(hashes, at);
    else {
      prefixed.set(line, 1);
      hashes.write(hash('sha256', prefixed.subarray(0, byteLength + 1), 'binary'), at, 'latin1');
    }
    at += hashBytes;
  }
  return hashes;
}
/** 0x00 and room for a line of any usual length. */
const prefixed = Buffer.alloc(16 * 1024);

/** SHA-256 of 0x01 and both children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  // NB. One buffer for every call: the hash is made before the next one fills it.
  pair.set(left, 1);
  pair.set(right, 1 + hashBytes);
  return sha256(pair);
}
const pair = Buffer.alloc(1 + 2 * hashBytes, 1);

/** The same of two that stand side by side: their hash is put where the left one was. */
export function joinAt(hashes: Buffer, at: number): void {
  hashes.copy(pair, 1, at, at + 2 * hashBytes);
  hashes.write(hash('sha256', pair, 'binary'), at, 'latin1');
}

/** The complete subtrees that the first `size` leaves fall into, left to right: at most one of each level. */
export const rootNodes = (size: number): readonly NodeId[] => nodesOf({ from: 0, to: whole(size) });

/**
 * The root over subtrees as `rootNodes` names them.
 * @throws Error when these are not as many hashes as the size has subtrees
 */
export function rootFrom(size: number, hashes: readonly Buffer[]): Buffer {
  if (rootNodes(size).length !== hashes.length) throw new Error('not the hashes of a tree of this size');
  return hashes.length === 0 ? emptyRoot : fold(hashes);
}

/** The root of the first `size` leaves. */
export const rootOf = async (size: number, read: ReadNodes): Promise<Buffer> =>
  rootFrom(size, size === 0 ? [] : await read(rootNodes(size)));

/** Leaves from `from` to before `to`: all that stands below one node of the tree. */
type Span = { readonly from: number; readonly to: number };

/**
 * The complete subtrees whose hashes, folded, are the hash over a span. Every span below starts at a multiple of a power
 * of two that is no smaller than the span, so its subtrees are those of a tree of its own length, moved.
 */
function nodesOf({ from, to }: Span): readonly NodeId[] {
  const nodes: NodeId[] = [];
  let at = from;
  while (at < to) {
    let level = 0;
    while (2 ** (level + 1) <= to - at) level += 1;
    nodes.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return nodes;
}

const fold = (hashes: readonly Buffer[]): Buffer => hashes.reduceRight((right, left) => nodeHash(left, right));

/** The largest power of two below `size`: where RFC 6962 splits a tree of more than one leaf. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

function inclusionSpans(index: number, size: number): readonly Span[] {
  const spans: Span[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      spans.push({ from: middle, to });
      to = middle;
    } else {
      spans.push({ from, to: middle });
      from = middle;
    }
  }
  return spans.toReversed();
}

function consistencySpans(from: number, to: number): readonly Span[] {
  const spans: Span[] = [];
  let [start, end] = [0, to];
  while (from < end) {
    const middle = start + split(end - start);
    if (from <= middle) {
      spans.push({ from: middle, to: end });
      end = middle;
    } else {
      spans.push({ from: start, to: middle });
      start = middle;
    }
  }
  // The old tree itself is known to whoever checks; one that is no whole left side begins with its right-most subtree.
  return start === 0 ? spans.toReversed() : [...spans, { from: start, to: end }].toReversed();
}

/** For each hash of a proof of inclusion (RFC 6962, 2.1.1), the complete subtrees that it is folded from. */
export function inclusionNodes(index: number, size: number): readonly (readonly NodeId[])[] {
  if (whole(index) >= whole(size)) throw new RangeError(`no leaf ${index} in a tree of ${size}`);
  return inclusionSpans(index, size).map(nodesOf);
}

/** For each hash of a proof of consistency (RFC 6962, 2.1.2), the complete subtrees that it is folded from. */
export function consistencyNodes(from: number, to: number): readonly (readonly NodeId[])[] {
  if (whole(from) > whole(to)) throw new RangeError(`a tree of ${from} is no beginning of one of ${to}`);
  return from === 0 ? [] : consistencySpans(from, to).map(nodesOf);
}

async function prove(parts: readonly (readonly NodeId[])[], read: ReadNodes): Promise<readonly Buffer[]> {
  const hashes = parts.length === 0 ? [] : await read(parts.flat());
  let taken = 0;
  return parts.map((nodes) => fold(hashes.slice(taken, (taken += nodes.length))));
}

/** @returns the proof that the leaf `index` is in the tree of `size` leaves: at most one hash a level */
export const proveInclusion = (index: number, size: number, read: ReadNodes): Promise<readonly Buffer[]> =>
  prove(inclusionNodes(index, size), read);

/** @returns the proof that the tree of `to` leaves begins with that of `from` */
export const proveConsistency = (from: number, to: number, read: ReadNodes): Promise<readonly Buffer[]> =>
  prove(consistencyNodes(from, to), read);

const half = (n: number): number => Math.floor(n / 2);
const odd = (n: number): boolean => n % 2 === 1;
const wellFormed = (hashes: readonly Buffer[]): boolean => hashes.every(({ length }) => length === hashBytes);
const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

function whole(n: number): number {
  if (!isSize(n)) throw new RangeError(`${n} is no size of a tree`);
  return n;
}

/** True where the proof leads from this leaf's hash at this place to this root (RFC 9162, 2.1.3.2). Never throws. */
export function checkInclusion(
  {
    index,
    size,
    leaf,
    root,
  }: { readonly index: number; readonly size: number; readonly leaf: Buffer; readonly root: Buffer },
  proof: readonly Buffer[],
): boolean {
  if (!isSize(index) || !isSize(size) || index >= size || !wellFormed([leaf, root, ...proof])) return false;
  let [place, last, seen] = [index, size - 1, leaf];
  for (const hashed of proof) {
    if (last === 0) return false;
    if (odd(place) || place === last) {
      seen = nodeHash(hashed, seen);
      while (!odd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      seen = nodeHash(seen, hashed);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && seen.equals(root);
}

/** True where the proof shows that the later tree begins with the earlier one (RFC 9162, 2.1.4.2). Never throws. */
export function checkConsistency(
  {
    from,
    to,
    fromRoot,
    toRoot,
  }: { readonly from: number; readonly to: number; readonly fromRoot: Buffer; readonly toRoot: Buffer },
  proof: readonly Buffer[],
): boolean {
  if (!isSize(from) || !isSize(to) || from > to || !wellFormed([fromRoot, toRoot, ...proof])) return false;
  if (from === to) return proof.length === 0 && fromRoot.equals(toRoot);
  if (from === 0) return proof.length === 0 && fromRoot.equals(emptyRoot);
  let [place, last] = [from - 1, to - 1];
  while (odd(place)) [place, last] = [half(place), half(last)];
  // A tree that is one complete subtree is its own first hash.
  const [first, ...rest] = place === 0 ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [older, newer] = [first, first];
  for (const hashed of rest) {
    if (last === 0) return false;
    if (odd(place) || place === last) {
      [older, newer] = [nodeHash(hashed, older), nodeHash(hashed, newer)];
      while (!odd(place) && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      newer = nodeHash(newer, hashed);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && older.equals(fromRoot) && newer.equals(toRoot);
}
