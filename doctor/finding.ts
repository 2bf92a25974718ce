import type { Checkpoint } from '../audit/checkpoint.ts';
import type { Verifier } from '../audit/signed-note.ts';
import type { Db } from '../store/pool.ts';
import type { GrantRecord } from './records.ts';
import type { TargetFacts } from './target-facts.ts';

/** The invariants that a look at catalogs, ledgers, store and audit log can prove broken. */
export const invariants = [
  'I1',
  'I2',
  'I3',
  'I4',
  'I5',
  'I6',
  'I7',
  'I8',
  'I9',
  'I10',
  'I11',
  'I13',
  'I14',
  'I15',
  'I16',
  'I17',
  'I18',
  'I19',
  'I21',
  'I22',
] as const;
export type Invariant = (typeof invariants)[number];

/** One broken promise. `subject`: the request, role, person or cluster that it is about; `detail`: a sentence without names. */
export type Finding = {
  readonly invariant: Invariant;
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
};

/** The newest checkpoints that witnesses have of a log, which its keys signed, and why some cannot be looked at. */
export type Witnessed = {
  readonly name: string;
  readonly verifiers: readonly Verifier[];
  readonly held: readonly Checkpoint[];
  readonly troubles: readonly string[];
};

/** Everything that a check may look at: read once, targets first, so that the store is never older than they are. */
export type Look = {
  readonly store: Db;
  readonly targets: readonly TargetFacts[];
  readonly records: ReadonlyMap<string, GrantRecord>;
  /** Epoch ms: how far back it looks. */
  readonly sinceAt: number;
  /** What others have of the log; absent: nobody said where they are. */
  readonly witnessed?: Witnessed;
  /** Epoch ms of the store's side; each target has its own clock in its facts. */
  readonly now: number;
};

export type Check = (look: Look) => readonly Finding[] | Promise<readonly Finding[]>;

/** A maker of findings of one invariant. */
export const finder =
  (invariant: Invariant) =>
  (code: string, subject: string, detail: string): Finding => ({ invariant, code, subject, detail });
