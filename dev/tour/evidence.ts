/** What happened, proven from one file and one public key; and changes of the past, found and named. */
import { randomInt } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseLine } from '../../audit/entry-line.ts';
import type { Verdict } from '../../audit/verify/verify.ts';
import { isRefusal } from '../../domain/errors.ts';
import { runCurfew } from './command.ts';
import type { FirstRequest } from './first-request.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';

/** Of all that is signed. */
export const wholeLog = ['--from', '2020-01-01'] as const;

export async function evidence(stage: Stage, { step }: Report, first: Partial<FirstRequest>): Promise<void> {
  let requestId = '';
  let file: EvidenceFile | undefined;
  await step('evidence-verified', async () => {
    must(first.requestId, 'there was no first request');
    requestId = first.requestId;
    file = await written(stage, 'request.zip', '--request', requestId);
    const whole = await written(stage, 'whole.zip', ...wholeLog);
    return { requestId, request: await holds(stage, file), whole: await holds(stage, whole) };
  });
  await step('bit-flip-found', async () => {
    must(file, 'there is no evidence file');
    return { decision: await flippedDecision(stage, file), anywhere: await flippedAnywhere(stage, file) };
  });
  await step('log-row-edit-found', async () => {
    must(requestId !== '', 'there was no first request');
    return rowEdited(stage, requestId);
  });
}

/** An evidence file, and the newest checkpoint that the witness had when it was written. */
export type EvidenceFile = { readonly path: string; readonly kept: string };

/** `curfew audit evidence`, to be held against what somebody else has kept of the log. */
export async function written(stage: Stage, name: string, ...words: readonly string[]): Promise<EvidenceFile> {
  const { stack } = stage;
  const path = stack.state.file(name);
  const folder = stack.settings.log.witnessFolder;
  const newest = (await readdir(folder))
    .filter((note) => note.endsWith('.note'))
    .toSorted()
    .at(-1);
  must(newest !== undefined, 'the witness has nothing');
  const kept = join(folder, newest);
  const { code, err } = await stage.curfew(['audit', 'evidence', ...words, '--checkpoint', kept, '-o', path]);
  must(code === 0, `curfew audit evidence ended with ${code}: ${err}`);
  return { path, kept };
}

type Verified = { readonly code: number; readonly verdict?: Verdict; readonly err: string };

/** `curfew verify` with the public key and what the witness kept, without a single variable of the stack. */
async function verified(stage: Stage, { path, kept }: EvidenceFile): Promise<Verified> {
  const { code: shown, out: key } = await stage.curfew(['audit', 'key', 'show']);
  must(shown === 0, 'the log has no key');
  const { code, out, err } = await runCurfew(['verify', path, '--key', key.trim(), '--checkpoint', kept, '--json']);
  return { code, err, ...(out === '' ? {} : { verdict: JSON.parse(out) as Verdict }) };
}

/** @throws where it does not hold, with what does not. @returns what was counted */
export async function holds(stage: Stage, file: EvidenceFile) {
  const { code, verdict, err } = await verified(stage, file);
  must(verdict, `curfew verify ended with ${code}: ${err}`);
  must(code === 0 && verdict.holds, `it does not hold: ${JSON.stringify(wrongIn(verdict))}`);
  return { entries: verdict.log?.size, ...Object.assign({}, ...verdict.checks.map(({ counts }) => counts)) };
}

const wrongIn = ({ damaged, checks }: Verdict): readonly unknown[] => [
  ...damaged,
  ...checks.flatMap(({ first }) => first),
];

/** The approval says something else by one bit: its entry is named. */
async function flippedDecision(stage: Stage, file: EvidenceFile) {
  const bytes = await readFile(file.path);
  const kind = bytes.indexOf('"kind":"decision.made"');
  const line = bytes.subarray(bytes.lastIndexOf('\n', kind) + 1, bytes.indexOf('\n', kind));
  const said = line.indexOf('"approve"');
  must(kind >= 0 && said >= 0, 'the evidence has no approval');
  const entry = parseLine(line);
  must(!isRefusal(entry), 'the approval cannot be read');
  const index = await placeOf(stage, entry.id);
  // The text begins behind its quote.
  const changed = await flipped(stage, file, bytes, line.byteOffset - bytes.byteOffset + said + 1, 0);
  const named = changed.verdict?.checks[0]?.first[0];
  must(
    changed.code === 1 && named?.index === index,
    `entry ${index} was changed, and ${JSON.stringify(named)} is named`,
  );
  return { entry: index, says: named.what, why: named.why };
}

const anywhere = 4;

/** Any bit, be it of what only an archive needs. */
async function flippedAnywhere(stage: Stage, file: EvidenceFile) {
  const bytes = await readFile(file.path);
  const found: object[] = [];
  for (let tried = 0; tried < anywhere; tried += 1) {
    const [at, bit] = [randomInt(bytes.length), randomInt(8)];
    const { code, verdict, err } = await flipped(stage, file, bytes, at, bit);
    must(code !== 0 && !verdict?.holds, `bit ${bit} of byte ${at} was changed, and it holds`);
    found.push({ byte: at, bit, found: verdict ? (wrongIn(verdict)[0] ?? null) : err.trim() });
  }
  return found;
}

async function flipped(
  stage: Stage,
  { kept }: EvidenceFile,
  bytes: Buffer,
  at: number,
  bit: number,
): Promise<Verified> {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  const path = stage.stack.state.file('flipped.zip');
  await writeFile(path, copy);
  return verified(stage, { path, kept });
}

async function placeOf(stage: Stage, entry: number): Promise<number> {
  const [row] = await stage.inStore<{ index: string }>('select index from audit.leaf where entry = $1', [entry]);
  must(row, `entry ${entry} has no place`);
  return Number(row.index);
}

/** Somebody with the whole database in their hands makes another person the one who approved. */
async function rowEdited(stage: Stage, requestId: string) {
  const [row] = await stage.inStore<{ id: string; actor: string; other: string }>(
    `select e.id, e.actor, p.id as other from audit.entry e join curfew.person p on p.handle = 'kwame'
     where e.kind = 'decision.made' and e.subject = $1`,
    [requestId],
  );
  must(row && row.actor !== row.other, 'there is no approval of somebody else');
  const index = await placeOf(stage, Number(row.id));
  await edit(stage, row.id, row.other);
  try {
    const doctor = await stage.curfew(['doctor', '--json']);
    const findings = JSON.parse(doctor.out) as readonly { code: string; subject: string; detail: string }[];
    const finding = findings.find(({ code, subject }) => code === 'log-edited' && subject === row.id);
    must(doctor.code === 1 && finding, `the checker says ${doctor.out}`);
    const told = async (file: EvidenceFile) => {
      const { code, verdict } = await verified(stage, file);
      const named = verdict?.checks[0]?.first[0];
      must(code === 1 && named?.index === index, `${JSON.stringify(named)} is named instead of entry ${index}`);
      return { says: named.what, why: named.why };
    };
    return {
      entry: index,
      doctor: finding.detail,
      request: await told(await written(stage, 'edited-request.zip', '--request', requestId)),
      whole: await told(await written(stage, 'edited-whole.zip', ...wholeLog)),
    };
  } finally {
    await edit(stage, row.id, row.actor);
  }
}

/** Past every rule of the store: triggers are switched off, and on again so that nothing else shows it. */
const edit = (stage: Stage, id: string, actor: string): Promise<unknown> =>
  stage.inStore(
    `begin; alter table audit.entry disable trigger all;
     update audit.entry set actor = '${actor}' where id = ${id};
     alter table audit.entry enable always trigger entry_kept; alter table audit.entry enable always trigger entry_not_truncated;
     commit`,
  );
