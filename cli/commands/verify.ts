/** `curfew verify`: needs a file and a key, and neither configuration nor database nor network. */
import { accessSync, constants, statSync, type Stats } from 'node:fs';
import { openEvidence } from '../../audit/evidence/read.ts';
import { openReplay } from '../../audit/replay/replay.ts';
import type { About } from '../../audit/verify/asked.ts';
import { verifyEvidence, type Verdict } from '../../audit/verify/verify.ts';
import { isRefusal } from '../../domain/errors.ts';
import { formatInstant } from '../../domain/time.ts';
import { counted } from '../counted.ts';
import { keptNoteOf } from '../kept-note.ts';
import type { Register } from '../program.ts';
import { gathered, keysOf } from '../public-key.ts';
import { fileFault } from '../settings.ts';
import { exitCodes, oneLine, printJson, Stopped, type Terminal } from '../terminal.ts';

type Options = { readonly key: readonly string[]; readonly checkpoint?: string; readonly json?: true };

export const registerVerify: Register = (program, terminal, finish) => {
  program
    .command('verify')
    .summary('prove what an evidence file says, with nothing but the file and a public key')
    .description(
      'Checks an evidence file of `curfew audit evidence`: (1) every entry is in the signed log, (2) every step was legal and written by who may write it, (3) every decision is what the policy says of the recorded facts, (4) every recorded Workflow replays on its recorded script, (5) every grant had its approvals and came to its end in time; and what was done with it, where that is in the file, is what the log has the hashes of. Needs no configuration, no database and no network. Exit code 0 only where all of it holds.',
    )
    .argument('<file>', 'the evidence')
    .requiredOption(
      '--key <key>',
      'the public key of the log, or a file with one a line; may be repeated, where one replaced another',
      gathered,
    )
    .option('--checkpoint <note>', 'a file with a checkpoint that somebody else kept: the log must go on from it')
    .option('--json', 'print the verdict as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew verify q3.zip --key curfew.pub --checkpoint 000001-0000000000010423.note',
    )
    .action(async (file: string, { key, checkpoint, json }: Options) => {
      const keys = keysOf(terminal, key);
      const given = checkpoint === undefined ? {} : { checkpoint: keptNoteOf(terminal, checkpoint) };
      mustBeFile(file);
      const evidence = await openEvidence(file);
      if (isRefusal(evidence)) throw new Stopped(evidence.message);
      const bar = barOf(terminal);
      try {
        const verdict = await verifyEvidence(evidence, { keys, ...given, openReplay, onProgress: bar.show });
        bar.clear();
        if (json) printJson(terminal, { file, ...verdict });
        else print(terminal, file, verdict);
        finish(verdict.holds ? exitCodes.done : exitCodes.refused);
      } finally {
        bar.clear();
        evidence.close();
      }
    });
};

/** A slip of whoever called is none of the file's: a verdict is only given of what was meant. */
function mustBeFile(path: string): void {
  const found = foundAt(path);
  if (!found) throw new Stopped(`There is no file ${path}.`, exitCodes.usage);
  if (!found.isFile()) throw new Stopped(`${path} is no file.`, exitCodes.usage);
}

/** @throws Stopped for what this user may not read, or nobody can */
function foundAt(path: string): Stats | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found) accessSync(path, constants.R_OK);
    return found;
  } catch (error) {
    throw new Stopped(`${path} cannot be read: ${fileFault(error)}.`, exitCodes.usage);
  }
}

function print(
  terminal: Terminal,
  file: string,
  { holds, log, about, recoveries, damaged, checks, open }: Verdict,
): void {
  const out = (text: string): void => terminal.out(`${oneLine(text)}\n`);
  if (log)
    out(
      `${log.origin}: ${counted(log.size, 'entries')}, signed ${formatInstant(log.at)} by ${log.signedBy.join(', ')}`,
    );
  if (about) out(aboutOf(about));
  for (const { origin, began, lost } of recoveries) {
    const left = began === null ? 'as nobody signed' : `with ${began} entries`;
    out(`RESTORED ${origin} began ${left}; ${lost ?? 'none that is known'} had been signed before it.`);
  }
  for (const name of damaged) out(`DAMAGED  ${name} is not what it was when the file was written.`);
  for (const { check, title, holds: held, counts, bad, first } of checks) {
    const all = Object.entries(counts).map(([name, many]) => counted(many, name));
    if (log === null && bad === 0) {
      out(`unseen ${check}. ${title}: nothing is looked at that is not in a signed log.`);
      continue;
    }
    out(`${held ? 'holds ' : 'FAILS '} ${check}. ${title}${all.length > 0 ? `: ${all.join(', ')}` : ''}.`);
    for (const one of first) {
      out(`          ${one.index === null ? '' : `entry ${one.index}: `}${one.what}`);
      out(`            ${one.why}`);
    }
    if (bad > first.length) out(`          and ${bad - first.length} more`);
  }
  for (const { request, target, endAt } of open) out(`open    ${request} on ${target}, until ${formatInstant(endAt)}`);
  out(holds ? `${file} holds.` : `${file} does not hold.`);
}

const aboutOf = ({ asked, first, last }: About): string =>
  `${
    asked.kind === 'request'
      ? `About the request ${asked.request}`
      : `About all that was written from ${asked.fromAt} until before ${asked.toAt}`
  }: ${first === null ? 'no entry' : `entries from ${first} to ${last}`}.`;

/** How far it is, on a line of its own; nothing where nobody looks on. */
function barOf(terminal: Terminal): {
  readonly show: (done: number, of: number) => void;
  readonly clear: () => void;
} {
  let shown = -1;
  return {
    show(done, of) {
      const percent = of > 0 ? Math.min(100, Math.floor((done / of) * 100)) : 100;
      if (percent === shown) return;
      shown = percent;
      terminal.progress?.(`[${'#'.repeat(Math.floor(percent / 4)).padEnd(25, '.')}] ${percent}%`);
    },
    clear() {
      if (shown >= 0) terminal.progress?.('');
      shown = -1;
    },
  };
}
