import type { RequestId } from '../../domain/ids.ts';
import { writeEvidence } from '../../audit/evidence/write.ts';
import { counted } from '../counted.ts';
import { isPlain, isSignedBy } from '../evidence/checkpoints.ts';
import { gather } from '../evidence/gather.ts';
import type { Wanted } from '../evidence/places.ts';
import { keptNoteOf } from '../kept-note.ts';
import { newFile } from '../new-file.ts';
import { gathered, keysOf } from '../public-key.ts';
import { withAuditorStore } from '../settings.ts';
import { exitCodes, Stopped } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import type { AddAudit } from './audit.ts';
import { periodOf, type PeriodOptions } from './report-options.ts';

type Options = PeriodOptions & {
  readonly request?: string;
  readonly output?: string;
  readonly checkpoint?: string;
  readonly key?: readonly string[];
  readonly statements?: true;
};

/** `curfew audit evidence`: one file with which anybody can prove what happened. */
export const addAuditEvidence: AddAudit = (audit, terminal) => {
  audit
    .command('evidence')
    .summary('write a file that proves what happened, for curfew verify')
    .description(
      'Writes one file about one request, or about a period: the entries of the log with their proofs, the signed checkpoints, the policies, receipts, Workflow histories and their scripts that the entries name; with --statements also what was done with access, as much of it as is kept, which curfew verify holds against the log. Whoever has it and the public key of the log can check all of it by `curfew verify`, with nothing else.',
    )
    .option('--request <id>', 'about this request')
    .option('--from <instant>', 'about everything from then on')
    .option('--to <instant>', 'until then; unset: now')
    .option('--checkpoint <note>', 'a file with a checkpoint that somebody else kept, to be provable against it')
    .option(
      '--key <key>',
      'a public key of the log, or a file with some: checkpoints that none of them signed are left out, which only who broke in puts there; may be repeated',
      gathered,
    )
    .option('--statements', 'with what was done in each session; it can hold personal data')
    .option('-o, --output <file>', 'into this file, which must not be there yet')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew audit evidence --request 6f1c2a9e-3b7d-4a51-9c3e-0d2f6b8a7c11 -o request.zip\n  curfew audit evidence --from 2026-07-01 --to 2026-10-01 -o q3.zip\n  curfew audit evidence --request 6f1c2a9e-3b7d-4a51-9c3e-0d2f6b8a7c11 --statements -o with-statements.zip',
    )
    .action(async (options: Options) => {
      const wanted = wantedOf(options, terminal.clock());
      const given = options.checkpoint === undefined ? undefined : keptNoteOf(terminal, options.checkpoint);
      const path = options.output ?? nameFor(wanted);
      const keys = options.key && keysOf(terminal, options.key);
      const { counts, logSize } = await newFile(terminal, path, () =>
        withAuditorStore(terminal, async (store) => {
          const { parts, entries, size } = await gather(
            store,
            wanted,
            given,
            (done) => terminal.progress?.(`${done} of ${entries} entries`),
            keys ? isSignedBy(keys) : isPlain,
            options.statements === true,
          );
          return { logSize: size, counts: await writeEvidence(path, parts) };
        }),
      ).finally(() => terminal.progress?.(''));
      terminal.err(
        `${path}: ${counted(counts.entries, 'entries')} of a log of ${logSize}, ${counted(counts.checkpoints, 'checkpoints')}, ${counted(counts.policies, 'policies')}, ${counted(counts.receipts, 'receipts')}, ${counted(counts.histories, 'histories')}, ${counts.statements === undefined ? '' : `${counted(counts.statements, 'statements')}, `}${counted(counts.bundles, 'scripts')}.\n`,
      );
      terminal.out(`${path}\n`);
    });
};

function wantedOf(options: Options, now: number): Wanted {
  const { request } = options;
  if (request === undefined) {
    if (options.from === undefined)
      throw new Stopped('Say what about: --request ID, or --from with --to.', exitCodes.usage);
    return { kind: 'span', ...periodOf(options, now) };
  }
  if (options.from !== undefined || options.to !== undefined)
    throw new Stopped('Either --request or a period, not both.', exitCodes.usage);
  const instead = '--request takes the whole id of a request; curfew requests lists them.';
  return { kind: 'request', request: wholeId(request, instead) as RequestId };
}

const nameFor = (wanted: Wanted): string =>
  wanted.kind === 'request'
    ? `curfew-${wanted.request.slice(0, 8)}.zip`
    : `curfew-${new Date(wanted.fromAt).toISOString().slice(0, 10)}.zip`;
