/** The log's tree, its signed checkpoints and its witnesses, for as long as the worker runs. */
import type { Log } from '../../activities/failures.ts';
import { keptKeyring } from '../../audit/keyring.ts';
import { openWitnesses } from '../../audit/witness/open.ts';
import type { AuditConfig } from '../../config/audit.ts';
import { minuteMs } from '../../domain/time.ts';
import type { Db } from '../../store/pool.ts';
import { createCheckpoints, keepSigning } from './checkpoints.ts';
import { keepSequencing } from './sequencing.ts';
import { createWitnessing } from './witnessing.ts';

export type LogKeeping = AuditConfig & {
  /** As curfew_worker. */
  readonly store: Db;
  readonly log: Log;
  readonly clock: () => number;
  /** Of the process's end. */
  readonly signal: AbortSignal;
};

/** Without keys the log has its tree, and nobody signs how far it is. */
export async function keepLog(options: LogKeeping): Promise<void> {
  const { name, keys, witnesses, witnessToken, store, log, clock, signal } = options;
  const sequenced = keepSequencing({ store, log, signal });
  if (!keys) {
    log.warn({}, 'no key signs the log: set CURFEW_AUDIT_KEY_FILE, and keep copies of what it signs elsewhere');
    return await sequenced;
  }
  if (witnesses.length === 0)
    log.warn({}, 'nobody else keeps what signs the log: set CURFEW_WITNESSES, or a restore goes unnoticed');
  const witnessing = createWitnessing({ store, clock, witnesses: openWitnesses(witnesses, witnessToken) });
  const look = createCheckpoints({ store, log, clock, name, keyring: keptKeyring(keys, clock, minuteMs), witnessing });
  await Promise.all([sequenced, keepSigning(look, log, signal)]);
}
