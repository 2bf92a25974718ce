import type { Log } from '../../activities/failures.ts';
import { checkpointText, type Checkpoint, type SignedCheckpoint } from '../../audit/checkpoint.ts';
import { originOf } from '../../audit/epoch.ts';
import type { Keyring } from '../../audit/keyring.ts';
import { rootOf } from '../../audit/merkle.ts';
import { signNote } from '../../audit/signed-note.ts';
import type { OwnLog } from '../../audit/witness/fit.ts';
import { noteName } from '../../audit/witness/witness.ts';
import { lostOf, ownLogOf } from '../../doctor/log/own-log.ts';
import { newestSigned, signedIn } from '../../doctor/log/signed.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import { StoreError } from '../../store/failures.ts';
import * as tree from '../../store/log.ts';
import { newestEpoch } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';
import { behindCode, storeIndex } from '../../store/recovery.ts';
import { again } from './again.ts';
import { unsignedAlarm } from './log-alarm.ts';
import type { Witnessing } from './witnessing.ts';

export type CheckpointsOptions = {
  /** As curfew_worker. */
  readonly store: Db;
  readonly log: Log;
  readonly clock: () => number;
  /** The log's, without its epoch. */
  readonly name: string;
  /** As they are now. @throws with why there are none */
  readonly keyring: () => Promise<Keyring>;
  readonly witnessing: Witnessing;
  /** A minute where absent. */
  readonly everyMs?: number;
  /** 1,000 where absent. */
  readonly everyEntries?: number;
};

const lookEveryMs = 250;
/** After a look that signed nothing although it should have: keys and witnesses are not asked four times a second. */
const restMs = 5 * secondMs;
/** After that somebody has to know that what is written is not signed, whatever the reason. */
const lateMs = 5 * minuteMs;
/** Of another worker's clock. The store takes a quarter of an hour by its own, of which this one's may be a part. */
const aheadMs = 10 * minuteMs;
const lostKey = `${behindCode}/log`;

/**
 * Signs how far the log is, each minute and each 1,000 entries, after it was held against what was signed before: the
 * newest in the store, the newest that this process has seen, and the newest of each witness. Where it does not begin
 * with one of them nothing is signed, and nothing is granted until `curfew recover`: the store came back from a backup,
 * or somebody rewrote it.
 * @returns one look; it throws where the store does not answer
 */
export function createCheckpoints(options: CheckpointsOptions): () => Promise<void> {
  const { store, log, clock, name, witnessing, everyMs = minuteMs, everyEntries = 1_000 } = options;
  const [tellKeys, tellOdd, tellLate] = [
    unsignedAlarm(store, 'keys'),
    unsignedAlarm(store, 'note'),
    unsignedAlarm(store, 'late'),
  ];
  let seen: SignedCheckpoint | undefined;
  let lookedAt = -Infinity;
  let restsSince = -Infinity;
  /** Since when the log has more than what was seen signed. */
  let unsignedSince: number | undefined;

  function see(checkpoint: SignedCheckpoint): void {
    if (!seen || noteName(checkpoint) > noteName(seen)) unsignedSince = undefined;
    seen = checkpoint;
  }

  /** @param sinceLookMs how long ago this process has looked: what a clock signed that is ahead is never old by this one */
  function isDue(newest: SignedCheckpoint | undefined, { size, epoch }: Reach, sinceLookMs: number): boolean {
    const more = newest && newest.size <= size ? size - newest.size : size;
    const agedMs = newest && (newest.at > clock() ? sinceLookMs : clock() - newest.at);
    // An epoch that has begun is signed at once: until then only its own opening says so.
    const isOld = agedMs === undefined || agedMs >= everyMs || newest?.origin !== originOf(name, epoch);
    return more >= everyEntries || (more > 0 && isOld);
  }

  async function keys(): Promise<Keyring | undefined> {
    try {
      const keyring = await options.keyring();
      await tellKeys(undefined);
      return keyring;
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      await tellKeys(`No checkpoint of the log can be signed: ${why}`);
      return undefined;
    }
  }

  /**
   * Not older than what is held: another worker's clock may be ahead. Where it was so by more than the store takes, the
   * time that it is counts again: else nothing were signed until that other time comes.
   */
  async function sign(own: OwnLog, { signers, verifiers }: Keyring, held: readonly Checkpoint[]) {
    const { size, epoch } = own;
    const now = clock();
    const at = Math.max(now, ...held.map((one) => one.at).filter((one) => one - now <= aheadMs));
    const made = { origin: originOf(name, epoch), size, root: await rootOf(size, own.read), at };
    const note = signNote(checkpointText(made), signers);
    const kept = signedIn(await tree.keepCheckpoint(store, { size, epoch, note, at }), name, verifiers);
    if (typeof kept !== 'string') return kept;
    await tellOdd(kept);
    return undefined;
  }

  async function stop({ size, epoch }: OwnLog, lost: string): Promise<void> {
    // A recovery may have ended meanwhile, and its alarms with it: then this was said of the log before.
    if ((await newestEpoch(store)).number !== epoch) return;
    unsignedSince = undefined;
    const detail = `The log is not what was signed before: ${lost}. Look at it, then run curfew recover.`;
    if (await alarms.raise(store, { key: lostKey, code: behindCode, subject: 'log', detail }))
      log.error({ size, epoch, lost }, 'the log is not what was signed before');
  }

  /** Whoever knows it: what such a store has goes on in the next epoch, and is signed in no other. */
  async function isBehind(): Promise<boolean> {
    const { behind } = await storeIndex(store);
    if (behind) unsignedSince = undefined;
    return behind;
  }

  async function look(sinceLookMs: number): Promise<void> {
    const keyring = await keys();
    if (!keyring) return;
    const { signed, odd } = await newestSigned(store, name, keyring.verifiers);
    await tellOdd(odd);
    const known = [signed, seen].filter((one) => one !== undefined);
    const witnessed = await witnessing.newest(keyring.verifiers, name);
    const held = [...known, ...witnessed.held];
    // NB. The log last: another worker may have signed more of it, and given it to a witness, since this look began.
    const own = await ownLogOf(store, name, keyring.verifiers);
    const lost = await lostOf(own, held);
    if (lost !== undefined) return await stop(own, lost);
    const newest = newestOf(known.filter(({ size }) => size <= own.size));
    if (newest) see(newest);
    const isMore = isDue(newest, own, sinceLookMs);
    // NB. What a witness has that nobody has read may be more than this store: then it came back from a backup.
    const maySign = isMore && witnessed.isWhole && !(await isBehind());
    const latest = maySign ? await sign(own, keyring, held) : newest;
    if (!latest) return;
    see(latest);
    await witnessing.give(latest);
    if (!isMore || latest !== newest) restsSince = -Infinity;
  }

  return async () => {
    const reach = await tree.reachOf(store);
    const now = clock();
    const isMore = !seen || reach.size > seen.size;
    unsignedSince = isMore && reach.size > 0 ? Math.min(unsignedSince ?? now, now) : undefined;
    const sinceLookMs = Math.abs(now - lookedAt);
    const isWanted = isDue(seen, reach, sinceLookMs) || (seen !== undefined && reach.size < seen.size);
    if (Math.abs(now - restsSince) < restMs || (!isWanted && sinceLookMs < everyMs)) return;
    [lookedAt, restsSince] = [now, now];
    let isRefused = false;
    try {
      await look(sinceLookMs);
    } catch (error) {
      isRefused = error instanceof StoreError && error.sqlstate === tree.notOfThisLog;
      throw error;
    } finally {
      const isLate = unsignedSince !== undefined && now - unsignedSince >= lateMs;
      await tellLate(isLate ? `${unsigned}${isRefused ? refused : ''}` : undefined);
    }
  };
}

const unsigned = 'Entries of the log have been signed by nobody for minutes.';
const refused =
  ' The store does not take what a worker signs (CFA07): look at that worker’s clock and at the store’s, which may differ by a quarter of an hour.';

type Reach = { readonly size: number; readonly epoch: number };

const newestOf = (some: readonly SignedCheckpoint[]): SignedCheckpoint | undefined =>
  some.toSorted((one, other) => (noteName(one) < noteName(other) ? 1 : -1))[0];

/** Until the signal. A look that fails is tried again, and told of where nothing is signed for long. */
export const keepSigning = (look: () => Promise<void>, log: Log, signal: AbortSignal): Promise<void> =>
  again(lookEveryMs, look, signal, (err) => log.warn({ err }, 'no checkpoint of the log could be signed'));
