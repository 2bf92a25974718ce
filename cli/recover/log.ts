/** What a recovery finds of the log, and the epoch that it begins: what was signed and is gone is written down, signed. */
import type { Checkpoint } from '../../audit/checkpoint.ts';
import { epochOf, originOf, signOpening } from '../../audit/epoch.ts';
import type { Keyring } from '../../audit/keyring.ts';
import { lostOf, ownLogOf } from '../../doctor/log/own-log.ts';
import { newestCheckpoint, sizeOf } from '../../store/log.ts';
import { newestEpoch, type Epoch } from '../../store/log-epochs.ts';
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
  /** The newest that a witness has. */
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
  const signed = (await newestCheckpoint(store)) !== undefined;
  return {
    name: config.name,
    keyring,
    size: own.size,
    epoch: own.epoch,
    lost: await lostOf(own, held),
    witnessed: held.toSorted(
      (one, other) => rank(other, config.name) - rank(one, config.name) || other.size - one.size,
    )[0],
    obstacles: [
      ...looks.flatMap(({ name, trouble }) => (trouble === undefined ? [] : [`${name}: ${trouble}`])),
      ...(signed && !keyring ? ['The log was signed: set CURFEW_AUDIT_KEY_FILE or CURFEW_AUDIT_KEY_COMMAND.'] : []),
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

/** The epoch after the newest that anybody has seen, with what was lost, signed where there is a key. */
export async function nextEpoch(tx: Db, { name, keyring, witnessed }: LogLook, recovery: string): Promise<Epoch> {
  const own = await newestEpoch(tx);
  const number = 1 + Math.max(own.number, witnessed ? rank(witnessed, name) : 0);
  const began = await sizeOf(tx);
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
