/**
 * The tree of RFC 6962: known vectors, and every proof of every size to 100, whole and with bits turned: every bit for
 * sizes to 24, and above those one bit of every byte, another one at each place. All of them hold too; they take minutes.
 */
import { describe, expect, test } from 'vitest';
import { frontierOf } from '../audit/frontier.ts';
import {
  checkConsistency,
  checkInclusion,
  consistencyNodes,
  emptyRoot,
  inclusionNodes,
  leafHash,
  nodeHash,
  proveConsistency,
  proveInclusion,
  rootFrom,
  rootNodes,
  rootOf,
  type NodeId,
} from '../audit/merkle.ts';

/** Reads from leaves in memory, by the definition of a complete subtree. */
function readerOf(leaves: readonly Buffer[]): (nodes: readonly NodeId[]) => Promise<Buffer[]> {
  const made = new Map<string, Buffer>();
  const hashOf = ({ level, index }: NodeId): Buffer => {
    const key = `${level}/${index}`;
    const known = made.get(key);
    if (known) return known;
    const below = (child: number): Buffer => hashOf({ level: level - 1, index: child });
    const hashed = level === 0 ? leaves[index] : nodeHash(below(2 * index), below(2 * index + 1));
    if (!hashed) throw new Error(`no leaf ${index}`);
    made.set(key, hashed);
    return hashed;
  };
  return (nodes) => Promise.resolve(nodes.map(hashOf));
}

/** RFC 6962, 2.1, word for word: the root by recursion. */
function rootByDefinition(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (!only) return emptyRoot;
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(rootByDefinition(leaves.slice(0, k)), rootByDefinition(leaves.slice(k)));
}

/** The leaves and the roots of sizes 1 to 8 that the tests of Certificate Transparency's reference log are made of. */
const published = {
  leaves: ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'],
  roots: [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ],
};
const hex = (hashes: readonly Buffer[]): readonly string[] => hashes.map((one) => one.toString('hex'));

describe('the published vectors', () => {
  const read = readerOf(published.leaves.map((leaf) => leafHash(Buffer.from(leaf, 'hex'))));

  test('a tree without leaves has the hash of nothing', async () => {
    expect(emptyRoot.toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await rootOf(0, read)).toEqual(emptyRoot);
  });

  test('each size has its published root', async () => {
    const roots = await Promise.all(published.roots.map((_, at) => rootOf(at + 1, read)));
    expect(hex(roots)).toEqual(published.roots);
  });

  test.each([
    [0, 1, []],
    [
      0,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      5,
      8,
      [
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
  ])('leaf %i is proved to be in a tree of %i as published', async (index, size, proof) => {
    expect(hex(await proveInclusion(index, size, read))).toEqual(proof);
  });

  test.each([
    [1, 1, []],
    [
      1,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      6,
      8,
      [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
    [
      2,
      5,
      [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    ],
  ])('a tree of %i is proved to be the beginning of one of %i as published', async (from, to, proof) => {
    expect(hex(await proveConsistency(from, to, read))).toEqual(proof);
  });
});

const most = 100;
const leaves = Array.from({ length: most }, (_, at) => leafHash(Buffer.from(`leaf ${at}`)));
const read = readerOf(leaves);
const roots = Array.from({ length: most + 1 }, (_, size) => rootByDefinition(leaves.slice(0, size)));
const rootAt = (size: number): Buffer => roots[size] ?? emptyRoot;
const leafAt = (index: number): Buffer => leaves[index] ?? emptyRoot;

/** Turns one bit after the other, and says with how many of them turned the proof still held. */
function heldWithABitTurned(buffers: readonly Buffer[], size: number, place: number, holds: () => boolean): number {
  let held = 0;
  const [first, step] = size <= 24 ? [0, 1] : [place % 8, 8];
  for (const buffer of buffers) {
    for (let bit = first; bit < buffer.length * 8; bit += step) {
      const at = Math.floor(bit / 8);
      const was = buffer.readUInt8(at);
      buffer.writeUInt8(was ^ (1 << (bit % 8)), at);
      if (holds()) held += 1;
      buffer.writeUInt8(was, at);
    }
  }
  return held;
}
const copied = (hashes: readonly Buffer[]): readonly Buffer[] => hashes.map((one) => Buffer.from(one));

describe('every size to 100', () => {
  test('has the root of the definition, from subtrees and leaf by leaf', async () => {
    const frontier = frontierOf();
    for (let size = 0; size <= most; size += 1) {
      expect(await rootOf(size, read)).toEqual(rootAt(size));
      expect(frontier.root()).toEqual(rootAt(size));
      expect(frontier.size).toBe(size);
      expect(frontier.hashes()).toEqual(await read(rootNodes(size)));
      frontier.push(leafAt(size));
    }
  });

  test('goes on from its own right edge, with leaves that stand one after another', async () => {
    const all = Buffer.concat(leaves);
    for (let size = 0; size <= most; size += 1) {
      const frontier = frontierOf(size, await read(rootNodes(size)));
      for (let at = size * 32; at < all.byteLength; at += 32) frontier.push(all, at);
      expect(frontier.root()).toEqual(rootAt(most));
      expect(() => frontier.push(all, all.byteLength - 31)).toThrow(RangeError);
    }
  });

  test('proves each leaf, and no proof holds with a bit turned', { timeout: 180_000 }, async () => {
    for (let size = 1; size <= most; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = copied(await proveInclusion(index, size, read));
        const of = { index, size, leaf: leafAt(index), root: rootAt(size) };
        expect(checkInclusion(of, proof)).toBe(true);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(heldWithABitTurned(proof, size, index, () => checkInclusion(of, proof))).toBe(0);
      }
    }
  });

  test('proves each earlier size, and no proof holds with a bit turned', { timeout: 180_000 }, async () => {
    for (let to = 0; to <= most; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const proof = copied(await proveConsistency(from, to, read));
        const of = { from, to, fromRoot: rootAt(from), toRoot: rootAt(to) };
        expect(checkConsistency(of, proof)).toBe(true);
        expect(heldWithABitTurned(proof, to, from, () => checkConsistency(of, proof))).toBe(0);
      }
    }
  });

  test('proves nothing with another root, another leaf, another place or another length', async () => {
    for (let size = 2; size <= most; size += 1) {
      for (let index = 0; index < size; index += 7) {
        const proof = await proveInclusion(index, size, read);
        const of = { index, size, leaf: leafAt(index), root: rootAt(size) };
        expect(checkInclusion({ ...of, root: rootAt(size - 1) }, proof)).toBe(false);
        expect(checkInclusion({ ...of, leaf: leafAt((index + 1) % size) }, proof)).toBe(false);
        expect(checkInclusion({ ...of, index: (index + 1) % size }, proof)).toBe(false);
        expect(checkInclusion(of, proof.slice(1))).toBe(false);
        expect(checkInclusion(of, [...proof, leafAt(0)])).toBe(false);
        const older = await proveConsistency(index, size, read);
        const pair = { from: index, to: size, fromRoot: rootAt(index), toRoot: rootAt(size) };
        expect(checkConsistency({ ...pair, toRoot: rootAt(size - 1) }, older)).toBe(index === 0);
        expect(checkConsistency({ ...pair, fromRoot: rootAt(index + 1) }, older)).toBe(false);
        expect(checkConsistency(pair, [...older, leafAt(0)])).toBe(false);
        if (older.length > 0) expect(checkConsistency(pair, older.slice(1))).toBe(false);
      }
    }
  });

  test('what is no size, no place or no hash proves nothing and breaks nothing', () => {
    const root = rootAt(1);
    expect(checkInclusion({ index: 0, size: 1, leaf: root, root }, [])).toBe(true);
    for (const [index, size] of [
      [1, 1],
      [-1, 1],
      [0, 0],
      [0.5, 1],
      [0, Number.NaN],
      [0, 2 ** 60],
    ] as const) {
      expect(checkInclusion({ index, size, leaf: root, root }, [])).toBe(false);
    }
    expect(checkInclusion({ index: 0, size: 1, leaf: root.subarray(1), root }, [])).toBe(false);
    expect(checkInclusion({ index: 0, size: 2, leaf: root, root }, [root.subarray(1)])).toBe(false);
    expect(checkConsistency({ from: 2, to: 1, fromRoot: root, toRoot: root }, [])).toBe(false);
    expect(checkConsistency({ from: 0, to: 1, fromRoot: root, toRoot: root }, [])).toBe(false);
    expect(() => inclusionNodes(3, 3)).toThrow(RangeError);
    expect(() => consistencyNodes(4, 3)).toThrow(RangeError);
    expect(() => rootFrom(3, [root])).toThrow('not the hashes');
    expect(() => frontierOf(1).push(root)).toThrow('not the hashes');
  });
});

test('a proof of one in 2^40 entries is at most 40 hashes, however long the log is', () => {
  const size = 2 ** 40;
  expect(inclusionNodes(12_345, size)).toHaveLength(40);
  expect(inclusionNodes(size - 1, size + 1).length).toBeLessThanOrEqual(41);
  expect(rootNodes(size - 1)).toHaveLength(40);
  expect(inclusionNodes(999_999, 1_000_000).length * 32).toBeLessThanOrEqual(1024);
});
