import { emptyRoot, nodeHash, rootNodes } from './merkle.ts';

/** The right edge of a growing tree: what it takes to go on, at most one hash a level, however many leaves there are. */
export type Frontier = {
  readonly size: number;
  /** Adds the next leaf's hash. */
  push(leaf: Buffer): void;
  /** Adds a complete subtree of 2^level leaves at once. @throws RangeError where the size is no multiple of 2^level */
  pushTree(level: number, hash: Buffer): void;
  root(): Buffer;
  /** The hashes of `rootNodes(size)`, left to right. */
  hashes(): readonly Buffer[];
};

/**
 * Goes on from a tree of `size` leaves.
 * @param hashes of `rootNodes(size)`
 * @throws Error when these are not as many hashes as the size has subtrees
 */
export function frontierOf(size = 0, hashes: readonly Buffer[] = []): Frontier {
  const nodes = rootNodes(size);
  if (nodes.length !== hashes.length) throw new Error('not the hashes of a tree of this size');
  const levels = nodes.map(({ level }) => level);
  const edge = [...hashes];
  let count = size;

  function pushTree(level: number, hash: Buffer): void {
    const leaves = 2 ** level;
    if (count % leaves !== 0) throw new RangeError(`no subtree of level ${level} begins at ${count}`);
    let [top, made] = [level, hash];
    while (levels.at(-1) === top) {
      levels.pop();
      const left = edge.pop();
      if (left === undefined) throw new Error('a frontier whose levels and hashes differ');
      made = nodeHash(left, made);
      top += 1;
    }
    levels.push(top);
    edge.push(made);
    count += leaves;
  }

  return {
    get size() {
      return count;
    },
    push: (leaf) => pushTree(0, leaf),
    pushTree,
    root: () => (edge.length === 0 ? emptyRoot : edge.reduceRight((right, left) => nodeHash(left, right))),
    hashes: () => [...edge],
  };
}
