/** The witnesses as the worker deals with them: asked rarely, given what they lack, and told of where they fall behind. */
import { openCheckpoint, type Checkpoint, type SignedCheckpoint } from '../../audit/checkpoint.ts';
import { epochOf } from '../../audit/epoch.ts';
import type { NoteFailure, Verifier } from '../../audit/signed-note.ts';
import { noteName, type Witness } from '../../audit/witness/witness.ts';
import { minuteMs, secondMs } from '../../domain/time.ts';
import * as alarms from '../../store/alarms.ts';
import type { Db } from '../../store/pool.ts';

export type Witnessing = {
  /** Of each that answers, the newest checkpoint of this log that one of these keys signed. Never throws. */
  newest(verifiers: readonly Verifier[], name: string): Promise<readonly Checkpoint[]>;
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
/** Whoever does not answer is left alone for so long: a checkpoint waits for nobody. */
const restMs = 15 * secondMs;
/** Between, what it was given is what it has. */
const askAgainMs = minuteMs;

type State = {
  readonly witness: Witness;
  /** The newest that it is known to have, of this log. */
  has: Checkpoint | undefined;
  /** Read at least once: until then nobody knows what it has. */
  read: boolean;
  troubleSince: number | undefined;
  trouble: string;
  /** What is wrong with what it has, although it answers; it is given all the same what it lacks, and told of at once. */
  odd: string | undefined;
  restsUntil: number;
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
    troubleSince: undefined,
    trouble: '',
    odd: undefined,
    restsUntil: 0,
    askedAt: -Infinity,
  }));

  async function ask(state: State, verifiers: readonly Verifier[], name: string): Promise<void> {
    if (state.read && clock() - state.askedAt < askAgainMs) return;
    const note = await state.witness.newest();
    [state.read, state.askedAt] = [true, clock()];
    const opened = note === undefined ? undefined : openCheckpoint(note, verifiers);
    state.odd = oddness(state, opened, name);
    if (opened && !('kind' in opened) && state.odd === undefined) state.has = opened;
  }

  /** One that failed is remembered as failing until it has worked. */
  async function attempt(state: State, work: () => Promise<void>): Promise<void> {
    if (clock() < state.restsUntil) return;
    try {
      await work();
      [state.troubleSince, state.trouble] = [undefined, ''];
    } catch (error) {
      state.troubleSince ??= clock();
      state.trouble = error instanceof Error ? error.message : 'unknown';
      state.restsUntil = clock() + restMs;
    }
  }

  async function tell(): Promise<void> {
    const behind = states.filter(({ troubleSince, odd }) => troubleSince !== undefined || odd !== undefined);
    for (const { witness, troubleSince = clock(), trouble, odd } of behind) {
      if (odd === undefined && clock() - troubleSince < patienceMs) continue;
      const detail = odd ?? `This witness does not take the checkpoints of the log: ${trouble.slice(0, 300)}`;
      await alarms.raise(store, { key: keyOf(witness), code, subject: witness.name, detail });
    }
    const keys = new Set(behind.map(({ witness }) => keyOf(witness)));
    // Also what another process, or this one before a restart, has raised.
    for (const alarm of await alarms.open(store)) {
      if (alarm.code === code && !keys.has(alarm.key)) await alarms.resolve(store, alarm.key);
    }
  }

  return {
    async newest(verifiers, name) {
      await Promise.all(states.map((state) => attempt(state, () => ask(state, verifiers, name))));
      return states.flatMap(({ has }) => (has ? [has] : []));
    },
    async give(checkpoint) {
      const lacking = states.filter(({ read, has }) => read && (!has || noteName(has) < noteName(checkpoint)));
      await Promise.all(
        lacking.map((state) =>
          attempt(state, async () => {
            await state.witness.put(checkpoint.note, checkpoint);
            state.has = checkpoint;
          }),
        ),
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

const keyOf = ({ name }: Witness): string => `${code}/${name}`;
