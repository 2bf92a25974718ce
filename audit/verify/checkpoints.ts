/** The signed checkpoints of an evidence file: each opened by a given key, and each the continuation of the one before. */
import { openCheckpoint, type SignedCheckpoint } from '../checkpoint.ts';
import { openOpening, type Opening } from '../epoch.ts';
import { longestEntry, members, type CheckpointLine } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { checkConsistency } from '../merkle.ts';
import { exactBase64 } from '../note-keys.ts';
import type { Verifier } from '../signed-note.ts';
import type { Tally } from './report.ts';

export type Signed = {
  /** Oldest first; empty where not a single one counts. */
  readonly checkpoints: readonly SignedCheckpoint[];
  readonly openings: readonly Opening[];
};

export async function readCheckpoints(evidence: Evidence, keys: readonly Verifier[], tally: Tally): Promise<Signed> {
  const openings = await readOpenings(evidence, keys, tally);
  const checkpoints: SignedCheckpoint[] = [];
  for await (const lines of evidence.lines(members.checkpoints, longestEntry)) {
    for (const line of lines) {
      const read = checkpointOf(line, keys);
      if (typeof read === 'string') {
        tally.bad(members.checkpoints, read);
        continue;
      }
      const before = checkpoints.at(-1);
      const wrong =
        whyOutside(read.checkpoint, openings) ?? (before && whyNotAfter(before, read.checkpoint, read.proof, openings));
      if (wrong !== undefined) tally.bad(members.checkpoints, wrong);
      // Sizes and proofs say which one comes after which: a signer's clock may have been ahead, and was put right.
      if (before && read.checkpoint.at < before.at) tally.count('checkpoints older than the one before');
      checkpoints.push(read.checkpoint);
      tally.count('checkpoints');
    }
  }
  if (checkpoints.length === 0) tally.bad(members.checkpoints, 'There is no checkpoint that one of the keys signed.');
  return { checkpoints, openings };
}

type ReadCheckpoint = { readonly checkpoint: SignedCheckpoint; readonly proof: readonly Buffer[] };

function checkpointOf(line: Buffer, keys: readonly Verifier[]): ReadCheckpoint | string {
  const { note, consistency } = JSON.parse(line.toString('utf8')) as Partial<CheckpointLine>;
  const opened = openCheckpoint(String(note), keys);
  if ('kind' in opened) return opened.says;
  const proof = Array.isArray(consistency) ? consistency.map((one) => exactBase64(String(one))) : [undefined];
  if (proof.includes(undefined)) return `The checkpoint of ${opened.size} entries comes without a proof.`;
  return { checkpoint: opened, proof: proof.flatMap((one) => one ?? []) };
}

/** Where a later epoch begins the earlier one is over, whatever it had signed; and before that the later one is not yet. */
function whyOutside({ origin, size }: SignedCheckpoint, openings: readonly Opening[]): string | undefined {
  const named = `The checkpoint of ${size} entries`;
  if (openings.some((one) => originsAfter(one.origin, origin) && size > one.began))
    return `${named} is of what was lost.`;
  const later = openings.find((one) => one.origin === origin && size < one.began);
  return later && `${named} is of ${origin}, which began with ${later.began}.`;
}

function whyNotAfter(
  before: SignedCheckpoint,
  after: SignedCheckpoint,
  proof: readonly Buffer[],
  openings: readonly Opening[],
): string | undefined {
  const named = `The checkpoint of ${after.size} entries`;
  if (after.size <= before.size) return `${named} comes after one of ${before.size}.`;
  const isBegun = after.origin === before.origin || openings.some(({ origin }) => origin === after.origin);
  if (!isBegun) return `${named} is of another log: ${after.origin} and not ${before.origin}.`;
  const of = { from: before.size, to: after.size, fromRoot: before.root, toRoot: after.root };
  return checkConsistency(of, proof) ? undefined : `${named} does not begin with that of ${before.size} entries.`;
}

async function readOpenings(evidence: Evidence, keys: readonly Verifier[], tally: Tally): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  for await (const lines of evidence.lines(members.epochs, longestEntry)) {
    for (const line of lines) {
      const { note } = JSON.parse(line.toString('utf8')) as { readonly note?: unknown };
      const opened = openOpening(String(note), keys);
      if ('kind' in opened) tally.bad(members.epochs, opened.says);
      else if (openings.some(({ origin }) => origin === opened.origin))
        tally.bad(members.epochs, `It is signed more than once how ${opened.origin} began.`);
      else openings.push(opened);
    }
  }
  return openings;
}

/**
 * Holds what somebody else has kept against the file: a checkpoint of a witness.
 * @returns what still has to be compared: the root at a size that the span goes through
 */
export function againstWitness(
  note: string,
  { checkpoints, openings }: Signed,
  span: { readonly from: number; readonly to: number },
  keys: readonly Verifier[],
  tally: Tally,
): SignedCheckpoint | undefined {
  const named = 'the checkpoint that was given';
  const seen = openCheckpoint(note, keys);
  const newest = checkpoints.at(-1);
  if ('kind' in seen) tally.bad(named, seen.says);
  else if (newest) return compare(seen, newest, { checkpoints, openings }, span, tally, named);
  return undefined;
}

function compare(
  seen: SignedCheckpoint,
  newest: SignedCheckpoint,
  { checkpoints, openings }: Signed,
  span: { readonly from: number; readonly to: number },
  tally: Tally,
  named: string,
): SignedCheckpoint | undefined {
  tally.count('witnessed checkpoints');
  const known = checkpoints.find(({ size, origin }) => size === seen.size && origin === seen.origin);
  // NB. Whatever was lost was lost by the first recovery that went on with less; in which order they stand nobody signed.
  const [lost] = openings
    .filter(({ origin, began }) => originsAfter(origin, seen.origin) && began < seen.size)
    .toSorted((one, other) => (originsAfter(one.origin, other.origin) ? 1 : -1));
  if (seen.origin !== newest.origin && !originsAfter(newest.origin, seen.origin)) {
    tally.bad(named, `It is of ${seen.origin}, and this log is ${newest.origin}: an older one, or another.`);
  } else if (lost) {
    const said = lost.lost !== undefined && lost.lost.size >= seen.size;
    if (!said) tally.bad(named, `The log went on without what it had of ${seen.size} entries, and nobody signed that.`);
    else if (lost.lost?.size === seen.size && !lost.lost.root.equals(seen.root))
      tally.bad(named, `It has another root at ${seen.size} entries than is signed to be lost: this log is a fork.`);
    else tally.count('entries that a recovery says are lost', seen.size - lost.began);
  } else if (known) {
    if (!known.root.equals(seen.root))
      tally.bad(named, `It has another root at ${seen.size} entries: this log is a fork.`);
  } else if (seen.size > newest.size) {
    tally.bad(
      named,
      `It has ${seen.size} entries and this log ${newest.size}: entries were cut off, or it is an older one.`,
    );
  } else if (seen.size > span.from && seen.size <= span.to) {
    return seen;
  } else {
    tally.bad(named, `This file has no proof about ${seen.size} entries: have it written with --checkpoint.`);
  }
  return undefined;
}

/** Is the one the origin of a later epoch of the same log? */
function originsAfter(one: string, other: string): boolean {
  const [name, epoch] = [one.slice(0, one.lastIndexOf('/')), Number(one.slice(one.lastIndexOf('/') + 1))];
  return other.startsWith(`${name}/`) && epoch > Number(other.slice(name.length + 1));
}
