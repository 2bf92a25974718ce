import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../../activities/failures.ts';
import { checkpointText, openCheckpoint, type Checkpoint } from '../../audit/checkpoint.ts';
import { originOf } from '../../audit/epoch.ts';
import type { Keyring } from '../../audit/keyring.ts';
import { rootOf } from '../../audit/merkle.ts';
import { signNote } from '../../audit/signed-note.ts';
import type { OwnLog } from '../../audit/witness/fit.ts';
import { lostOf, ownLogOf } from '../../doctor/log/own-log.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import * as tree from '../../store/log.ts';
import { newestEpoch } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';
import { behindCode } from '../../store/recovery.ts';
import { unsignedCode } from './sequencing.ts';
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
const keysFailing = `${unsignedCode}/keys`;
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
  let seen: Checkpoint | undefined;
  let lookedAt = -Infinity;
  let restsUntil = -Infinity;
  let keysTold = true;

  async function keys(): Promise<Keyring | undefined> {
    try {
      const keyring = await options.keyring();
      if (keysTold) await alarms.resolve(store, keysFailing);
      keysTold = false;
      return keyring;
    } catch (error) {
      const why = error instanceof Error ? error.message : 'unknown';
      const detail = `No checkpoint of the log can be signed: ${why}`;
      keysTold = true;
      await alarms.raise(store, { key: keysFailing, code: unsignedCode, subject: 'log', detail });
      return undefined;
    }
  }

  async function sign(own: OwnLog, { signers }: Keyring): Promise<tree.StoredCheckpoint> {
    const at = clock();
    const made = { origin: originOf(name, own.epoch), size: own.size, root: await rootOf(own.size, own.read), at };
    const note = signNote(checkpointText(made), signers);
    return await tree.keepCheckpoint(store, { size: own.size, epoch: own.epoch, note, at });
  }

  return async () => {
    const { size, epoch } = await tree.reachOf(store);
    const newest = await tree.newestCheckpoint(store);
    const now = clock();
    const more = size - (newest?.size ?? 0);
    // An epoch that has begun is signed at once: until then only its own opening says so.
    const aged = newest?.epoch !== epoch || now - newest.at >= everyMs;
    const due = more >= everyEntries || (more > 0 && aged);
    const shorter = seen !== undefined && size < seen.size;
    if (now < restsUntil || (!due && !shorter && now - lookedAt < everyMs)) return;
    [lookedAt, restsUntil] = [now, now + restMs];

    const keyring = await keys();
    if (!keyring) return;
    const stored = newest && openCheckpoint(newest.note, keyring.verifiers);
    const held = [
      ...(stored && !('kind' in stored) ? [stored] : []),
      ...(seen ? [seen] : []),
      ...(await witnessing.newest(keyring.verifiers, name)),
    ];
    // NB. The log last: another worker may have signed more of it, and given it to a witness, since this look began.
    const own = await ownLogOf(store, name, keyring.verifiers);
    const lost = await lostOf(own, held);
    if (lost !== undefined) {
      // A recovery may have ended meanwhile, and its alarms with it: then this was said of the log before.
      if ((await newestEpoch(store)).number !== own.epoch) return;
      const detail = `The log is not what was signed before: ${lost}. Look at it, then run curfew recover.`;
      if (await alarms.raise(store, { key: lostKey, code: behindCode, subject: 'log', detail }))
        log.error({ size: own.size, epoch: own.epoch, lost }, 'the log is not what was signed before');
      return;
    }
    const latest = due ? await sign(own, keyring) : newest;
    const opened = latest && openCheckpoint(latest.note, keyring.verifiers);
    if (!latest || !opened || 'kind' in opened) return;
    seen = opened;
    await witnessing.give(latest.note, opened);
    restsUntil = -Infinity;
  };
}

/** Until the signal. A look that fails is the store's trouble, which others tell of. */
export async function keepSigning(look: () => Promise<void>, log: Log, signal: AbortSignal): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      await look();
      failing = false;
    } catch (err) {
      if (!failing && !signal.aborted) log.warn({ err }, 'no checkpoint of the log could be signed');
      failing = true;
    }
    await pause(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
