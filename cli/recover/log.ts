/** What a recovery finds of the log, and the epoch that it begins: what was signed and is gone is written down, signed. */
import type { Checkpoint } from '../../audit/checkpoint.ts';
import { epochOf, originOf, signOpening } from '../../audit/epoch.ts';
import type { Keyring } from '../../audit/keyring.ts';
import { lostOf, ownLogOf } from '../../doctor/log/own-log.ts';
import { newestSigned } from '../../doctor/log/signed.ts';
import { shownOf, type Shown } from '../../doctor/log/shown.ts';
import { faultsOf } from '../../doctor/log/whole.ts';
import type { Epoch } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';
import { auditSettings, keyringOf, lookAtWitnesses } from '../audit-log.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';

export type LogLook = {
  readonly name: string;
  readonly keyring: Keyring | undefined;
  readonly size: number;
  readonly epoch: number;
  /** What speaks against it; undefined: nothing does, as far as somebody could say. */
  readonly lost: string | undefined;
  /** How much of it is what was signed, by the store's own checkpoints or a witness's; undefined: there is no key. */
  readonly shown: Shown | undefined;
  /** Entries, places and checkpoints of it that are not what they were. */
  readonly faults: readonly string[];
  /** What the witnesses have. */
  readonly held: readonly Checkpoint[];
  /** The newest of that. */
  readonly witnessed: Checkpoint | undefined;
  /** Why a recovery must not go on: by the witness, or for want of a key. */
  readonly obstacles: readonly string[];
};

/** @throws Stopped where the configuration is wrong */
export async function lookAtLog(terminal: Terminal, store: Db): Promise<LogLook> {
  const config = auditSettings(terminal);
  const keyring = await keyringOf(config);
  const verifiers = keyring?.verifiers ?? [];
  const looks = await lookAtWitnesses(config, verifiers);
  const held = looks.flatMap(({ newest }) => (newest ? [newest] : []));
  const own = await ownLogOf(store, config.name, verifiers);
  const { signed, odd } = await newestSigned(store, config.name, verifiers);
  return {
    name: config.name,
    keyring,
    size: own.size,
    epoch: own.epoch,
    lost: await lostOf(own, held),
    shown: keyring && (await shownOf(store, own, held, keyring.verifiers)),
    faults: (await faultsOf(store, 0)).map(({ detail }) => detail),
    held,
    witnessed: held.toSorted(
      (one, other) => rank(other, config.name) - rank(one, config.name) || other.size - one.size,
    )[0],
    obstacles: [
      ...looks.flatMap(({ name, trouble }) => (trouble === undefined ? [] : [`${name}: ${trouble}`])),
      ...((signed ?? odd) !== undefined && !keyring
        ? ['The log was signed: set CURFEW_AUDIT_KEY_FILE or CURFEW_AUDIT_KEY_COMMAND.']
        : []),
    ],
  };
}

const rank = ({ origin }: Checkpoint, name: string): number => epochOf(origin, name) ?? 0;

/** What a witness has and nobody can read now would be lost without a word. @throws Stopped */
export function requireWholeLook({ obstacles }: LogLook): void {
  if (obstacles.length === 0) return;
  throw new Stopped(
    `What was signed of the log cannot be looked at:\n${obstacles.join('\n')}\nMend that, or take the witness out of CURFEW_WITNESSES where it is gone for good.`,
    exitCodes.usage,
  );
}

/** Nobody signs what was changed without knowing it. @param accepted by the operator. @throws Stopped */
export function requireWholeLog({ faults }: LogLook, accepted: boolean): void {
  if (accepted || faults.length === 0) return;
  throw new Stopped(
    `The log of this store is not what it was:\n${faults.join('\n')}\nThat is no restore, or one of a backup that somebody changed: take another one. Where there is none, --despite-faults goes on, and writes down what was found.`,
  );
}

/**
 * The epoch after the newest that anybody has seen, with what was lost, signed where there is a key. It begins with as
 * many entries as are what was signed; those after them are signed as they stand, and nobody calls them the old ones.
 */
export async function nextEpoch(tx: Db, { name, keyring, held, witnessed }: LogLook, recovery: string): Promise<Epoch> {
  const own = await ownLogOf(tx, name, keyring?.verifiers ?? []);
  const number = 1 + Math.max(own.epoch, witnessed ? rank(witnessed, name) : 0);
  const began = keyring ? (await shownOf(tx, own, held, keyring.verifiers)).size : own.size;
  const lost = witnessed && { size: witnessed.size, root: witnessed.root };
  const opening = { origin: originOf(name, number), began, ...(lost && { lost }), recovery };
  return {
    number,
    beganAtSize: began,
    lostSize: lost?.size ?? null,
    lostRoot: lost?.root ?? null,
    recovery,
    note: keyring ? signOpening(opening, keyring.signers) : null,
  };
}
