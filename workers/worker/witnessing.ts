/** The witnesses as the worker deals with them: asked rarely, given what they lack, and told of where they fall behind. */
import { openCheckpoint, type Checkpoint, type SignedCheckpoint } from '../../audit/checkpoint.ts';
import { epochOf } from '../../audit/epoch.ts';
import type { NoteFailure, Verifier } from '../../audit/signed-note.ts';
import { noteName, type Witness } from '../../audit/witness/witness.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import type { Db } from '../../store/pool.ts';

export type Witnessed = {
  /** Of each that was read, the newest checkpoint of this log that one of these keys signed. */
  readonly held: readonly Checkpoint[];
  /** Each was read at least once since this process began: nobody has what is not in `held`, as far as anybody says. */
  readonly isWhole: boolean;
};

export type Witnessing = {
  newest(verifiers: readonly Verifier[], name: string): Promise<Witnessed>;
  /** Has each keep it that has none as new; each by itself, and whoever failed is not asked again at once. */
  give(checkpoint: SignedCheckpoint): Promise<void>;
};

export type WitnessingOptions = {
  /** As curfew_worker. */
  readonly store: Db;
  readonly clock: () => number;
  readonly witnesses: readonly Witness[];
  /** How long one may be behind before somebody is told; three minutes where absent. */
  readonly patienceMs?: number;
};

const code = 'witness-behind';
/** Whoever does not answer is left alone for so long: a checkpoint waits for nobody who was read once. */
const restMs = 15 * secondMs;
/** Between, what it was given is what it has. */
const askAgainMs = minuteMs;

/** What another worker said is over once this one has reached that witness for so long: the other may be gone for good. */
const takeOverMs = 60 * minuteMs;

type Trouble = { readonly sinceAt: number; readonly says: string };

type Word = { readonly says: string; readonly isLoud: boolean };

type State = {
  readonly witness: Witness;
  /** The newest that it is known to have, of this log. */
  has: Checkpoint | undefined;
  /** Read at least once: until then nobody knows what it has. */
  read: boolean;
  /** Each is over once that has worked: one that can be read may still take nothing. */
  readonly trouble: { reading?: Trouble | undefined; giving?: Trouble | undefined };
  /** What is wrong with what it has, although it answers; it is given all the same what it lacks, and told of at once. */
  odd: string | undefined;
  failedAt: number;
  askedAt: number;
};

export function createWitnessing({
  store,
  clock,
  witnesses,
  patienceMs = 3 * minuteMs,
}: WitnessingOptions): Witnessing {
  const states = witnesses.map((witness): State => ({
    witness,
    has: undefined,
    read: false,
    trouble: {},
    odd: undefined,
    failedAt: -Infinity,
    askedAt: -Infinity,
  }));
  /** Keys of alarms that are this process's; undefined: it has told of nothing yet. */
  let told: Set<string> | undefined;
  /** Others' alarms about witnesses that this process reaches, by id, and since when it has seen them so. */
  let others: ReadonlyMap<string, number> = new Map();
  /** Also where the clock was set back. */
  const since = (at: number): number => Math.abs(clock() - at);

  async function ask(state: State, verifiers: readonly Verifier[], name: string): Promise<void> {
    const note = await state.witness.newest();
    [state.read, state.askedAt] = [true, clock()];
    const opened = note === undefined ? undefined : openCheckpoint(note, verifiers);
    state.odd = oddness(state, opened, name);
    if (opened && !('kind' in opened) && state.odd === undefined) state.has = opened;
  }

  async function attempt(state: State, what: 'reading' | 'giving', work: () => Promise<void>): Promise<void> {
    if (since(state.failedAt) < restMs) return;
    try {
      await work();
      state.trouble[what] = undefined;
    } catch (error) {
      const says = error instanceof Error ? error.message : 'unknown';
      state.trouble[what] = { sinceAt: state.trouble[what]?.sinceAt ?? clock(), says };
      state.failedAt = clock();
    }
  }

  /** `isLoud`: it is to be told now, and not only once it has gone on for longer. */
  function wordOn({ odd, read, trouble: { reading, giving } }: State): Word | undefined {
    if (odd !== undefined) return { says: odd, isLoud: true };
    const trouble = reading ?? giving;
    if (!trouble) return undefined;
    const why = trouble.says.slice(0, 300);
    if (!read) return { says: `Until this witness is read once, nothing is signed: ${why}`, isLoud: true };
    const isLoud = [reading, giving].some((one) => one && since(one.sinceAt) >= patienceMs);
    return { says: `This witness does not take the checkpoints of the log: ${why}`, isLoud };
  }

  const hasReached = (name: string): boolean =>
    states.some(({ witness, read, has }) => witness.name === name && read && has !== undefined);

  async function tell(): Promise<void> {
    const behind = new Set<string>();
    for (const state of states) {
      const word = wordOn(state);
      if (!word) continue;
      const { name } = state.witness;
      const key = keyOf(name);
      behind.add(key);
      if (!word.isLoud) continue;
      await alarms.raise(store, { key, code, subject: name, detail: word.says });
      told?.add(key);
    }
    // NB. Another worker may not reach what this one does. Only when a process begins it takes all for its own, since
    // whoever raised it may be gone, and later what was left for long.
    const left = new Map<string, number>();
    for (const { id, key, code: of, subject } of await alarms.open(store)) {
      if (of !== code || behind.has(key)) continue;
      const sinceAt = others.get(id) ?? clock();
      if (told?.has(key) === false && since(sinceAt) < takeOverMs) {
        if (hasReached(subject)) left.set(id, sinceAt);
        continue;
      }
      await alarms.resolve(store, key);
      told?.delete(key);
    }
    others = left;
    told ??= new Set(behind);
  }

  return {
    async newest(verifiers, name) {
      const asked = states.filter(({ read, askedAt }) => !read || since(askedAt) >= askAgainMs);
      await Promise.all(asked.map((state) => attempt(state, 'reading', () => ask(state, verifiers, name))));
      await tell();
      return { held: states.flatMap(({ has }) => (has ? [has] : [])), isWhole: states.every(({ read }) => read) };
    },
    async give(checkpoint) {
      await Promise.all(
        states
          .filter(({ read }) => read)
          .map(async (state) => {
            if (state.has && noteName(state.has) >= noteName(checkpoint)) state.trouble.giving = undefined;
            else
              await attempt(state, 'giving', async () => {
                await state.witness.put(checkpoint.note, checkpoint);
                state.has = checkpoint;
              });
          }),
      );
      await tell();
    },
  };
}

function oddness({ has }: State, newest: SignedCheckpoint | NoteFailure | undefined, name: string): string | undefined {
  if (newest === undefined) return has && 'This witness has lost what it had of the log.';
  if ('kind' in newest) return `The newest note of this witness is not one of this log: ${newest.says}`;
  if (epochOf(newest.origin, name) === undefined) return `The newest note of this witness is of ${newest.origin}.`;
  return has && noteName(newest) < noteName(has) ? 'This witness has lost what it had of the log.' : undefined;
}

const keyOf = (name: string): string => `${code}/${name}`;
