import { epochOf } from '../../audit/epoch.ts';
import { formatSpan, secondMs } from '../../domain/time.ts';
import { lostOf, ownLogOf } from '../../doctor/log/own-log.ts';
import { newestSigned } from '../../doctor/log/signed.ts';
import * as tree from '../../store/log.ts';
import { epochs } from '../../store/log-epochs.ts';
import type { Db } from '../../store/pool.ts';
import { auditSettings, keyringOf, lookAtWitnesses } from '../audit-log.ts';
import { counted } from '../counted.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, printJson, printTable, type Terminal } from '../terminal.ts';
import type { AddAudit } from './audit.ts';

/** `curfew audit status`: how far the log is, how far it is signed, and who has copies of that. */
export const addAuditStatus: AddAudit = (audit, terminal, finish) => {
  audit
    .command('status')
    .summary('say how far the log is, is signed, and is witnessed')
    .description(
      'Says how many entries the log has, how many wait for their places, how far it is signed, and what each witness has of it. Exit code 1 where it is not what was signed before. Reads keys and witnesses as the worker does.',
    )
    .option('--json', 'print it as JSON')
    .addHelpText('after', '\nExamples:\n  curfew audit status')
    .action(async ({ json }: { readonly json?: true }) => {
      const status = await withAuditorStore(terminal, (store) => statusOf(terminal, store));
      finish(status.lost === null ? exitCodes.done : exitCodes.refused);
      if (json) printJson(terminal, status);
      else print(terminal, status);
    });
};

type Status = Awaited<ReturnType<typeof statusOf>>;

async function statusOf(terminal: Terminal, store: Db) {
  const config = auditSettings(terminal);
  const keyring = await keyringOf(config);
  const verifiers = keyring?.verifiers ?? [];
  // NB. The log last: it may be signed further while the witnesses are asked.
  const looks = keyring ? await lookAtWitnesses(config, verifiers) : [];
  const { signed, odd = null } = await newestSigned(store, config.name, verifiers);
  const newest = keyring
    ? signed && { ...signed, epoch: epochOf(signed.origin, config.name) ?? null }
    : await tree.newestCheckpoint(store);
  const own = await ownLogOf(store, config.name, verifiers);
  const waiting = await tree.waiting(store);
  const held = [...(signed ? [signed] : []), ...looks.flatMap((look) => (look.newest ? [look.newest] : []))];
  return {
    name: config.name,
    epoch: own.epoch,
    epochs: (await epochs(store)).map(({ number, beganAtSize, lostSize, recovery, note }) => ({
      number,
      beganAtSize,
      lostSize,
      recovery,
      signed: note !== null,
    })),
    size: own.size,
    waiting: waiting.entries,
    waitingMs: waiting.oldestAt === null ? 0 : Math.max(0, terminal.clock() - waiting.oldestAt),
    checkpoint: newest
      ? {
          size: newest.size,
          epoch: newest.epoch,
          ageMs: Math.max(0, terminal.clock() - newest.at),
          signedBy: signed?.signedBy ?? null,
        }
      : null,
    odd: keyring ? odd : null,
    witnesses: looks.map((look) => ({
      name: look.name,
      size: look.newest?.size ?? null,
      origin: look.newest?.origin ?? null,
      trouble: look.trouble ?? null,
    })),
    lost: (await lostOf(own, held)) ?? null,
    ...(keyring ? {} : { unchecked: 'no key is set, so no signature was looked at' }),
  };
}

function print(terminal: Terminal, status: Status): void {
  const { name, epoch, size, waiting, waitingMs, checkpoint, witnesses, lost } = status;
  terminal.out(`The log ${name}/${epoch} has ${counted(size, 'entries')}`);
  terminal.out(
    waiting === 0
      ? '.\n'
      : `; ${waiting === 1 ? '1 waits for its place' : `${waiting} wait for their places, the oldest`} for ${spanOf(waitingMs)}.\n`,
  );
  terminal.out(
    checkpoint
      ? `Signed up to ${checkpoint.size}, ${spanOf(checkpoint.ageMs)} ago${checkpoint.signedBy ? `, by ${checkpoint.signedBy.join(' and ')}` : ''}.\n`
      : 'Nothing of it is signed.\n',
  );
  if (status.odd !== null) terminal.err(`Note: ${status.odd}\n`);
  if (status.unchecked !== undefined) terminal.err(`Note: ${status.unchecked}.\n`);
  if (witnesses.length > 0)
    printTable(
      terminal,
      ['witness', 'has', 'lacks', 'trouble'],
      witnesses.map((one) => [
        one.name,
        one.size === null ? 'nothing' : `${one.origin ?? ''} ${one.size}`,
        one.trouble === null ? size - (one.size ?? 0) : '?',
        one.trouble ?? '',
      ]),
    );
  if (lost !== null) terminal.out(`THE LOG IS NOT WHAT WAS SIGNED BEFORE: ${lost}.\n`);
}

const spanOf = (ms: number): string => formatSpan(Math.round(ms / secondMs) * secondMs);
