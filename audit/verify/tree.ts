/** Check 1: every entry is in the tree that was signed, at its place. */
import type { SignedCheckpoint } from '../checkpoint.ts';
import { leafBytes, members, type EvidenceIndex } from '../evidence/format.ts';
import { frontierOf } from '../frontier.ts';
import { checkInclusion, leafHash, leafHashes } from '../merkle.ts';
import { exactBase64 } from '../note-keys.ts';
import type { PlacedLine } from './lines.ts';
import type { Tally } from './report.ts';

export type TreeCheck = {
  /**
   * Lines of the span, in their order.
   * @param recorded what the log had for their hashes, one after another; fewer, or none, where that is not known
   */
  seeSpan(lines: readonly PlacedLine[], recorded: Buffer): void;
  seePicked(placed: PlacedLine, proof: readonly Buffer[]): void;
  finish(): void;
  /** Once it is finished: is the entry at this place what was signed? */
  readonly proven: (index: number) => boolean;
};

const hashAt = (hashes: Buffer, at: number): Buffer => hashes.subarray(at * leafBytes, (at + 1) * leafBytes);

/** Past so many bad entries nothing counts as proven any more. */
const mostRemembered = 10_000;

/**
 * Entries of the span are hashed into the tree one after the other, and the root is held against every checkpoint that
 * the span goes through; those that were picked are proved against the newest.
 * @param known roots that somebody signed, of this log
 * @throws Error where the log's right edge before the span is none
 */
export function checkTree(
  { span, edge }: Pick<EvidenceIndex, 'span' | 'edge'>,
  known: readonly SignedCheckpoint[],
  newest: SignedCheckpoint,
  tally: Tally,
): TreeCheck {
  const roots = new Map<number, SignedCheckpoint[]>();
  for (const one of known) roots.set(one.size, [...(roots.get(one.size) ?? []), one]);
  const hashes = edge.flatMap((one) => exactBase64(one) ?? []);
  if (hashes.some(({ byteLength }) => byteLength !== leafBytes))
    throw new Error(`${members.index} has hashes of another length`);
  const frontier = frontierOf(span.from, hashes);
  const changed = new Set<number>();
  let provenTo = span.from;
  let forked = false;
  compare();

  function bad(index: number, why: string): void {
    if (changed.size < mostRemembered) changed.add(index);
    tally.bad(index, why);
  }

  function compare(): void {
    const signed = roots.get(frontier.size);
    if (!signed || forked) return;
    const root = frontier.root();
    if (signed.every((one) => one.root.equals(root))) {
      provenTo = frontier.size;
      return;
    }
    forked = true;
    if (frontier.size === span.from) {
      tally.bad(members.index, `What the log was before entry ${span.from} is not what was signed.`);
    } else {
      const those = frontier.size - provenTo === 1 ? 'It is' : `It, or one up to entry ${frontier.size - 1}, is`;
      tally.bad(provenTo, `${those} not what was signed at ${frontier.size} entries.`);
    }
  }

  return {
    seeSpan(lines, recorded) {
      const made = leafHashes(lines);
      tally.count('entries without a gap', lines.length);
      if (made.equals(recorded)) {
        for (let at = 0; at < made.byteLength; at += leafBytes) {
          frontier.push(made, at);
          compare();
        }
        return;
      }
      // The root names thousands of entries; what the log had for a hash here names the one that is another one now.
      for (const [at, { index }] of lines.entries()) {
        const [leaf, had] = [hashAt(made, at), hashAt(recorded, at)];
        const other = had.byteLength === leafBytes && !had.equals(leaf);
        if (other) bad(index, 'It is another one than was put into the log here.');
        frontier.push(other ? had : leaf);
        compare();
      }
    },
    seePicked({ index, line }, proof) {
      tally.count('entries with a proof of their own');
      const of = { index, size: newest.size, leaf: leafHash(line), root: newest.root };
      if (!checkInclusion(of, proof)) bad(index, 'Its proof does not lead to the root that was signed.');
    },
    finish() {
      if (provenTo < span.to && !forked) {
        tally.bad(provenTo, `No checkpoint that was signed proves the entries from here to ${span.to - 1}.`);
      }
    },
    proven: (index) =>
      changed.size < mostRemembered &&
      !changed.has(index) &&
      (index < span.from || index >= span.to || index < provenTo),
  };
}
