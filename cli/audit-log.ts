/** The log as an operator's commands see it: in the store, by its keys, and as each witness has it. */
import { openCheckpoint, type SignedCheckpoint } from '../audit/checkpoint.ts';
import { epochOf } from '../audit/epoch.ts';
import { readKeyring, type Keyring } from '../audit/keyring.ts';
import type { Verifier } from '../audit/signed-note.ts';
import { openWitnesses } from '../audit/witness/open.ts';
import type { Witness } from '../audit/witness/witness.ts';
import { readAuditConfig, type AuditConfig } from '../config/audit.ts';
import { describeProblems } from '../config/field.ts';
import { exitCodes, Stopped, type Terminal } from './terminal.ts';

/** @throws Stopped with every problem at once */
export function auditSettings(terminal: Terminal): AuditConfig {
  const read = readAuditConfig(terminal.env, terminal.readText);
  if (!read.ok) throw new Stopped(describeProblems(read.problems), exitCodes.usage);
  return read.config;
}

/** @returns undefined where none is set. @throws Stopped with why they cannot be read */
export async function keyringOf({ keys }: AuditConfig): Promise<Keyring | undefined> {
  if (!keys) return undefined;
  return await readKeyring(keys).catch((error: unknown) => {
    throw new Stopped(error instanceof Error ? error.message : 'The keys of the log cannot be read.', exitCodes.usage);
  });
}

export type WitnessLook = {
  readonly name: string;
  /** The newest of this log that one of the keys signed. */
  readonly newest: SignedCheckpoint | undefined;
  /** Why nobody knows; undefined: it answered. */
  readonly trouble: string | undefined;
};

/** What each witness has now. Never throws. */
export const lookAtWitnesses = (config: AuditConfig, verifiers: readonly Verifier[]): Promise<readonly WitnessLook[]> =>
  Promise.all(openWitnesses(config.witnesses, config.witnessToken).map((one) => lookAt(one, config.name, verifiers)));

async function lookAt(witness: Witness, log: string, verifiers: readonly Verifier[]): Promise<WitnessLook> {
  const look = { name: witness.name, newest: undefined, trouble: undefined };
  try {
    const note = await witness.newest();
    if (note === undefined) return look;
    const opened = openCheckpoint(note, verifiers);
    if ('kind' in opened) return { ...look, trouble: opened.says };
    if (epochOf(opened.origin, log) === undefined) return { ...look, trouble: `It has the log ${opened.origin}.` };
    return { ...look, newest: opened };
  } catch (error) {
    return { ...look, trouble: error instanceof Error ? error.message : 'It does not answer.' };
  }
}
