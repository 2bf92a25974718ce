/** Whether a log still is what somebody else has a signed checkpoint of. */
import type { Checkpoint } from '../checkpoint.ts';
import { epochOf, type Opening } from '../epoch.ts';
import { checkConsistency, proveConsistency, rootOf, type ReadNodes } from '../merkle.ts';

/** A log as its store has it now. `openings`: what its key signed as each epoch after the first began. */
export type OwnLog = {
  readonly name: string;
  readonly epoch: number;
  readonly size: number;
  readonly openings: readonly Opening[];
  readonly read: ReadNodes;
};

/**
 * `fits`: it begins with what was witnessed, or a recovery has said that this is lost; `shows`: so many of its entries are
 * what was signed. `lost`: it is shorter, forked, or from before a recovery that was witnessed. `strange`: what was
 * witnessed is of another log, and says nothing of this one.
 */
export type Fit =
  | { readonly kind: 'fits'; readonly shows: number }
  | { readonly kind: 'lost'; readonly says: string }
  | { readonly kind: 'strange' };

/**
 * Holds a log against one checkpoint that its own key signed. It must have at least as many entries, with the same root
 * over as many, and a proof from that root to the root of all it has now (RFC 6962, section 2.1.2). Of an earlier epoch
 * the same holds up to where the later ones began, which the key must have signed; what came after that was lost.
 * @throws what `read` throws
 */
export async function fitOf(log: OwnLog, witnessed: Checkpoint): Promise<Fit> {
  const epoch = epochOf(witnessed.origin, log.name);
  if (epoch === undefined) return { kind: 'strange' };
  if (epoch > log.epoch) {
    return lost(`it is in epoch ${log.epoch}, and epoch ${epoch} was witnessed`);
  }
  let kept = Infinity;
  for (let later = epoch + 1; later <= log.epoch; later += 1) {
    const opening = log.openings.find(({ origin }) => epochOf(origin, log.name) === later);
    if (!opening) return lost(`its epoch ${later} was begun without the key that signs the log`);
    kept = Math.min(kept, opening.began);
  }
  if (witnessed.size > kept) return { kind: 'fits', shows: 0 };
  if (witnessed.size > log.size) {
    return lost(`it has ${log.size} entries, and ${witnessed.size} were witnessed`);
  }
  const [fromRoot, toRoot] = [witnessed.root, await rootOf(log.size, log.read)];
  const proof = await proveConsistency(witnessed.size, log.size, log.read);
  return checkConsistency({ from: witnessed.size, to: log.size, fromRoot, toRoot }, proof)
    ? { kind: 'fits', shows: witnessed.size }
    : lost(`its first ${witnessed.size} entries are others than were witnessed`);
}

const lost = (says: string): Fit => ({ kind: 'lost', says });
