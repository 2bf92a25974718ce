/**
 * Verifies an evidence file with nothing but the file and the public keys of the log: no configuration, no database, no
 * network. One pass over the entries, in the order of the log; what is kept meanwhile is what is open.
 */
import { isRefusal } from '../../domain/errors.ts';
import { createCases, isGranted, type Cases } from './case.ts';
import type { SignedCheckpoint } from '../checkpoint.ts';
import type { Opening } from '../epoch.ts';
import { members } from '../evidence/format.ts';
import type { Evidence } from '../evidence/read.ts';
import { parseLine, type PlacedEntry } from '../entry-line.ts';
import type { Verifier } from '../signed-note.ts';
import { checkAsked, type About } from './asked.ts';
import { againstWitness, readCheckpoints } from './checkpoints.ts';
import { checkEnded, type OpenGrant } from './ended.ts';
import { checkJudged } from './judged.ts';
import { noneAfter } from './late.ts';
import { checkLegal } from './legal.ts';
import { placedLines, type PlacedLine } from './lines.ts';
import { note } from './note.ts';
import { policiesOf } from './policies.ts';
import { receiptsOf } from './receipts.ts';
import { checkRecovered, type Recovery } from './recovered.ts';
import { checkReplayed, type OpenReplay } from './replayed.ts';
import { tallyOf, type CheckReport, type Tally } from './report.ts';
import { says, saysNotOfItsKind } from './sentence.ts';
import { checkStatements } from './statements.ts';
import { walkTree, type Progress, type Proven } from './walk.ts';

export type VerifyInput = {
  /** Whoever signed with one of these counts. */
  readonly keys: readonly Verifier[];
  /** A signed checkpoint that somebody else has kept, e.g. a witness. */
  readonly checkpoint?: string;
  readonly openReplay: OpenReplay;
  /** How many of how many entries are done; called now and then. */
  readonly onProgress?: (done: number, of: number) => void;
};

export type Verdict = {
  readonly holds: boolean;
  /** Members that are not what they were when the file was written. */
  readonly damaged: readonly string[];
  /** Of the newest checkpoint that counts; null where there is none. */
  readonly log: {
    readonly origin: string;
    readonly size: number;
    readonly at: number;
    readonly signedBy: readonly string[];
  } | null;
  /** What the file is about; null where no checkpoint counts. */
  readonly about: About | null;
  /** How often the log came back from a backup, and what it lost, oldest first. */
  readonly recoveries: readonly Recovery[];
  readonly checks: readonly CheckReport[];
  /** Grants that go on, or went on when the newest checkpoint was signed. */
  readonly open: readonly OpenGrant[];
};

const allTallies = () => [tallyOf(1), tallyOf(2), tallyOf(3), tallyOf(4), tallyOf(5)] as const;

export async function verifyEvidence(
  evidence: Evidence,
  { keys, checkpoint, openReplay, onProgress }: VerifyInput,
): Promise<Verdict> {
  const tallies = allTallies();
  const [tree] = tallies;
  const signed = await readCheckpoints(evidence, keys, tree).catch((error: unknown) => {
    tree.bad(members.checkpoints, says(error));
    return { checkpoints: [], openings: [] };
  });
  const newest = signed.checkpoints.at(-1);
  const witnessed =
    checkpoint === undefined ? undefined : againstWitness(checkpoint, signed, evidence.index.span, keys, tree);
  let told: Told = { about: null, recoveries: [], open: [] };
  if (newest) {
    const known = [...signed.checkpoints, ...(witnessed ? [witnessed] : [])];
    const progress = progressOf(evidence, onProgress);
    const proven = await walkTree(evidence, known, newest, tree, progress);
    told = await walkEntries(evidence, proven, { newest, openings: signed.openings }, openReplay, tallies, progress);
  }
  // What nobody looked at does not hold, though nothing in it is wrong.
  const reports = tallies.map((tally) => tally.report()).map((one) => (newest ? one : { ...one, holds: false }));
  const damaged = await evidence.damage(tree.report().holds);
  const log = newest ? { origin: newest.origin, size: newest.size, at: newest.at, signedBy: newest.signedBy } : null;
  const holds = damaged.length === 0 && reports.every((one) => one.holds);
  return { holds, damaged, log, checks: reports, ...told };
}

type Told = Pick<Verdict, 'about' | 'recoveries' | 'open'>;

/** In entries: each is looked at twice. */
function progressOf({ index }: Evidence, onProgress: VerifyInput['onProgress']): Progress {
  let done = 0;
  return (entries) => {
    done += entries;
    onProgress?.(done, index.counts.entries * 2);
  };
}

type Checks = {
  readonly asked: ReturnType<typeof checkAsked>;
  readonly recovered: ReturnType<typeof checkRecovered>;
  readonly legal: ReturnType<typeof checkLegal>;
  readonly judged: ReturnType<typeof checkJudged>;
  readonly replayed: ReturnType<typeof checkReplayed>;
  readonly ended: ReturnType<typeof checkEnded>;
  readonly statements: ReturnType<typeof checkStatements>;
};

async function walkEntries(
  evidence: Evidence,
  proven: Proven,
  { newest, openings }: { readonly newest: SignedCheckpoint; readonly openings: readonly Opening[] },
  openReplay: OpenReplay,
  tallies: ReturnType<typeof allTallies>,
  progress: Progress,
): Promise<Told> {
  const [tree, legal, judged, replayed, ended] = tallies;
  const isProven = tree.report().holds;
  const cases = createCases();
  const checks: Checks = {
    asked: checkAsked(evidence.index, tree),
    recovered: checkRecovered(newest.origin, openings, tree),
    legal: checkLegal(cases, legal),
    judged: checkJudged(cases, policiesOf(evidence), judged),
    replayed: checkReplayed(evidence, openReplay, replayed),
    ended: checkEnded(cases, receiptsOf(evidence), ended),
    statements: checkStatements(evidence, ended),
  };
  let walked = 0;
  try {
    for await (const batch of placedLines(evidence)) {
      walked += batch.length;
      for (const placed of batch) {
        const waited = see(placed, proven.has(placed.index), cases, checks, tallies);
        if (waited) await waited;
      }
      progress(batch.length);
    }
  } catch (error) {
    // What lines and places do not fit together was told by the first walk; what comes after it has no place.
    if (isProven) legal.bad(members.entries, `It could not be read to its end: ${says(error)}`);
  }
  if (isProven && walked !== proven.entries) legal.bad(members.entries, 'It is not the same when it is read again.');
  const about = checks.asked.finish(newest.at);
  const recoveries = checks.recovered.finish();
  checks.legal.finish();
  checks.judged.finish();
  await checks.replayed.finish().catch((error: unknown) => replayed.bad(members.histories, says(error)));
  await checks.statements.finish().catch((error: unknown) => ended.bad(members.statements, says(error)));
  try {
    return { about, recoveries, open: await checks.ended.finish(newest.at) };
  } catch (error) {
    ended.bad(members.receipts, says(error));
    return { about, recoveries, open: [] };
  }
}

/** @returns what to wait for, where there is anything: most entries are about nothing that has to be read */
function see(
  placed: PlacedLine,
  proven: boolean,
  cases: Cases,
  checks: Checks,
  [tree, legal, judged, replayed, ended]: ReturnType<typeof allTallies>,
): Promise<void> | undefined {
  const { index } = placed;
  const read = parseLine(placed.line);
  if (isRefusal(read)) {
    tree.bad(index, read.message);
    return undefined;
  }
  const entry: PlacedEntry = { index, ...read };
  const steps: readonly Step[] = [
    [tree, () => checks.asked.see(entry)],
    [tree, () => checks.recovered.see(entry)],
    [legal, () => note(cases, entry)],
    [judged, () => checks.judged.see(entry)],
    [replayed, () => checks.replayed.see(entry, proven)],
    [ended, () => checks.ended.see(entry)],
    [ended, () => checks.statements.see(entry)],
    [legal, () => checks.legal.see(entry)],
  ];
  const over = (): void => {
    const one = closing.has(entry.kind) ? cases.of(entry.subject) : undefined;
    if (one === undefined || typeof one === 'number') return;
    const isEnd = entry.kind === 'grant.ended' && isGranted(one);
    cases.close(entry.subject, isEnd ? noneAfter(one, entry) : entry.atMs);
  };
  const waited = inTurn(steps, entry);
  if (waited) return waited.then(over);
  over();
  return undefined;
}

type Step = readonly [tally: Tally, run: () => Promise<void> | undefined | void];

/**
 * One after the other; without a promise as long as none of them has to wait. What an entry says is the writer's: one
 * that says it otherwise than its kind does is bad, and breaks nothing.
 */
function inTurn(steps: readonly Step[], entry: PlacedEntry): Promise<void> | undefined {
  for (const [at, [tally, run]] of steps.entries()) {
    const failed = (error: unknown): void => tally.bad(entry, saysNotOfItsKind(error));
    try {
      const waited = run();
      if (waited) return waited.catch(failed).then(() => inTurn(steps.slice(at + 1), entry));
    } catch (error) {
      failed(error);
    }
  }
  return undefined;
}

const closing: ReadonlySet<string> = new Set(['request.closed', 'grant.ended']);
