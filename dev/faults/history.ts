/** What was done, when and with which answer: a JSON object a line, in the order of the answers. No secret is in it. */
import { appendFileSync } from 'node:fs';
import { isRefusal } from '../../domain/errors.ts';
import type { UseCases } from '../../service/contract.ts';

export type Entry = {
  /** Which experiment, as `--only` takes it. */
  readonly of: string;
  /** `ask`, `fault`, `look`, a use case's name. */
  readonly op: string;
  readonly [key: string]: unknown;
};

export type History = {
  readonly file: string;
  /** Entries from now on belong to this experiment. */
  readonly begin: (of: string) => void;
  readonly write: (op: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** A figure of the experiment that runs, which its outcome shows. */
  readonly measured: (figures: Readonly<Record<string, number>>) => void;
  /** The figures of the experiment that runs. */
  readonly figures: () => Readonly<Record<string, number>>;
  /** How often each operation was done. */
  readonly counts: () => Readonly<Record<string, number>>;
  /** The use cases, each call written down with its answer. */
  readonly recorded: (use: UseCases, by: string) => UseCases;
};

export function openHistory(file: string): History {
  let of = 'start';
  let figures: Readonly<Record<string, number>> = {};
  const counts = new Map<string, number>();
  const write: History['write'] = (op, fields = {}) => {
    counts.set(op, (counts.get(op) ?? 0) + 1);
    appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), of, op, ...fields })}\n`);
  };
  const recorded: History['recorded'] = (use, by) =>
    new Proxy(use, {
      get(all, name: keyof UseCases) {
        const call = all[name] as (input: object) => Promise<unknown>;
        return async (input: { readonly person?: string; readonly requestId?: string }) => {
          const startedAt = performance.now();
          const told = { by, person: input.person, request: input.requestId };
          const done = (answer: string): void =>
            write(name, { ...told, answer, ms: Math.round(performance.now() - startedAt) });
          try {
            const answer = await call(input);
            done(isRefusal(answer) ? answer.code : answerOf(answer));
            return answer;
          } catch (error) {
            done(`threw ${error instanceof Error ? error.name : 'something'}`);
            throw error;
          }
        };
      },
    });
  return {
    file,
    begin: (next) => {
      of = next;
      figures = {};
    },
    write,
    measured: (more) => {
      figures = { ...figures, ...more };
      write('look', more);
    },
    figures: () => figures,
    counts: () => Object.fromEntries([...counts].toSorted(([one], [other]) => one.localeCompare(other))),
    recorded,
  };
}

/** Whether it is known to have arrived; never the answer itself, which may hold a code. */
const answerOf = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'confirmed' in answer && answer.confirmed === false
    ? 'recorded, not confirmed'
    : 'ok';
