/** Whether a log still is what somebody else has a signed checkpoint of. */
import type { Checkpoint } from '../checkpoint.ts';
import { epochOf, type Opening } from '../epoch.ts';
import { checkConsistency, proveConsistency, rootOf, type ReadNodes } from '../merkle.ts';

/** A log as its store has it now. `opening`: what its key signed when this epoch began; absent in the first. */
export type OwnLog = {
  readonly name: string;
  readonly epoch: number;
  readonly size: number;
  readonly opening?: Opening;
  readonly read: ReadNodes;
};

/**
 * `fits`: it begins with what was witnessed. `lost`: it is shorter, forked, or from before a recovery that was witnessed.
 * `strange`: what was witnessed is of another log, and says nothing of this one.
 */
export type Fit =
  { readonly kind: 'fits' } | { readonly kind: 'lost'; readonly says: string } | { readonly kind: 'strange' };

/**
 * Holds a log against one checkpoint that its own key signed. Of its own epoch it must have at least as many entries,
 * with the same root over as many, and a proof from that root to the root of all it has now (RFC 6962, section 2.1.2).
 * Of an earlier one nothing is left to compare with, but the key must have signed that this epoch began.
 * @throws what `read` throws
 */
export async function fitOf(log: OwnLog, witnessed: Checkpoint): Promise<Fit> {
  const epoch = epochOf(witnessed.origin, log.name);
  if (epoch === undefined) return { kind: 'strange' };
  if (epoch > log.epoch) {
    return lost(`it is in epoch ${log.epoch}, and epoch ${epoch} was witnessed`);
  }
  if (epoch < log.epoch) {
    return log.opening && epochOf(log.opening.origin, log.name) === log.epoch
      ? { kind: 'fits' }
      : lost(`its epoch ${log.epoch} was begun without the key that signs the log`);
  }
  if (witnessed.size > log.size) {
    return lost(`it has ${log.size} entries, and ${witnessed.size} were witnessed`);
  }
  const [fromRoot, toRoot] = [witnessed.root, await rootOf(log.size, log.read)];
  const proof = await proveConsistency(witnessed.size, log.size, log.read);
  return checkConsistency({ from: witnessed.size, to: log.size, fromRoot, toRoot }, proof)
    ? { kind: 'fits' }
    : lost(`its first ${witnessed.size} entries are others than were witnessed`);
}

const lost = (says: string): Fit => ({ kind: 'lost', says });
