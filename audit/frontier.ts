import { emptyRoot, hashBytes, joinAt, nodeHash, rootNodes } from './merkle.ts';

/** The right edge of a growing tree: what it takes to go on, at most one hash a level, however many leaves there are. */
export type Frontier = {
  readonly size: number;
  /** Adds the next leaf's hash: the 32 bytes that stand there. @throws RangeError where fewer do */
  push(hashes: Buffer, at?: number): void;
  root(): Buffer;
  /** The hashes of `rootNodes(size)`, left to right. */
  hashes(): readonly Buffer[];
};

const mostLevels = 54;

/**
 * Goes on from a tree of `size` leaves.
 * @param hashes of `rootNodes(size)`
 * @throws Error when these are not as many hashes as the size has subtrees
 */
export function frontierOf(size = 0, hashes: readonly Buffer[] = []): Frontier {
  if (rootNodes(size).length !== hashes.length) throw new Error('not the hashes of a tree of this size');
  // NB. One after another in one buffer: a buffer for each of a million nodes would cost as much as their hashes.
  const edge = Buffer.alloc(mostLevels * hashBytes);
  let end = 0;
  let count = size;

  function put(from: Buffer, at: number): void {
    if (from.byteLength < at + hashBytes) throw new RangeError('no hash of a leaf');
    end += from.copy(edge, end, at, at + hashBytes);
  }
  for (const one of hashes) put(one, 0);

  const edgeHashes = (): readonly Buffer[] =>
    Array.from({ length: end / hashBytes }, (_, n) => Buffer.from(edge.subarray(n * hashBytes, (n + 1) * hashBytes)));

  return {
    get size() {
      return count;
    },
    push(from, at = 0) {
      put(from, at);
      count += 1;
      // Two subtrees of one size are one of the next: as often as the new size is even.
      for (let n = count; n % 2 === 0; n /= 2) {
        end -= hashBytes;
        joinAt(edge, end - hashBytes);
      }
    },
    root: () => (end === 0 ? emptyRoot : edgeHashes().reduceRight((right, left) => nodeHash(left, right))),
    hashes: edgeHashes,
  };
}
