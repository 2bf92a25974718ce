/** `curfew audit`: what is done with the log itself. One `add` a command. */
import type { Command } from 'commander';
import type { Finish, Register } from '../program.ts';
import type { Terminal } from '../terminal.ts';
import { addAuditEvidence } from './audit-evidence.ts';
import { addAuditExport } from './audit-export.ts';
import { addAuditKey } from './audit-key.ts';
import { addAuditRetire } from './audit-retire.ts';
import { addAuditStatus } from './audit-status.ts';
import { addAuditTail } from './audit-tail.ts';

/** Adds one command under `curfew audit`. */
export type AddAudit = (audit: Command, terminal: Terminal, finish: Finish) => void;

const adds: readonly AddAudit[] = [
  addAuditEvidence,
  addAuditExport,
  addAuditTail,
  addAuditStatus,
  addAuditKey,
  addAuditRetire,
];

export const registerAudit: Register = (program, terminal, finish) => {
  const audit = program
    .command('audit')
    .summary('read, export and prove the log of what happened')
    .description(
      'The log of what happened: append-only, in a Merkle tree whose checkpoints are signed and kept elsewhere as well.',
    );
  for (const add of adds) add(audit, terminal, finish);
};
