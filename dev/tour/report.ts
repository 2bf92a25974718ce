/** What a tour says: one line a step for people, or one JSON object a line (`--json`) for machines. */
import { messageOf } from '../trouble.ts';

export type Evidence = Readonly<Record<string, unknown>>;
export type StepResult = {
  readonly step: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly evidence: Evidence;
};

export type Report = {
  /**
   * Runs one step. What it throws is its failure and ends nothing: the steps after it are tried too, so that one run
   * tells everything.
   */
  readonly step: (name: string, run: () => Promise<Evidence>) => Promise<void>;
  readonly results: () => readonly StepResult[];
};

export function startReport(json: boolean, write: (text: string) => unknown): Report {
  const results: StepResult[] = [];
  return {
    step: async (step, run) => {
      const startedAt = performance.now();
      const result = await Promise.resolve()
        .then(run)
        .then(
          (evidence) => ({ step, ok: true, ms: elapsed(startedAt), evidence }),
          (error: unknown) => ({ step, ok: false, ms: elapsed(startedAt), evidence: { error: messageOf(error) } }),
        );
      results.push(result);
      write(json ? `${JSON.stringify(result)}\n` : `${lineOf(result)}\n`);
    },
    results: () => results,
  };
}

const elapsed = (since: number): number => Math.round(performance.now() - since);

const lineOf = ({ step, ok, ms, evidence }: StepResult): string => {
  const told = Object.entries(evidence).map(
    ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${ok ? 'ok  ' : 'FAIL'} ${step.padEnd(28)} ${String(ms).padStart(6)} ms  ${told.join(', ')}`;
};

/** For steps: what does not hold ends the step with this sentence. */
export function must(holds: unknown, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}
