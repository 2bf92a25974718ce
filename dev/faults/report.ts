/** What a run says to people. */
import type { Outcome, Summary } from './suite.ts';

export const replayOf = (seed: number, experiment: string): string =>
  `again: npm run faults -- --seed ${seed} --only ${experiment}`;

export function told({ experiment, name, ok, ms, figures, wrong }: Outcome, seed: number): string {
  const measured = Object.entries(figures)
    .map(([what, figure]) => `; ${what} ${figure}`)
    .join('');
  const line = `${ok ? 'ok    ' : 'BROKEN'} ${experiment.padEnd(7)} ${name} (${(ms / 1_000).toFixed(1)} s${measured})`;
  return [
    line,
    ...wrong.map((what) => `         ${what}`),
    ...(ok ? [] : [`         ${replayOf(seed, experiment)}`]),
  ].join('\n');
}

const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

export const toldSummary = ({ seed, ms, operations, faults, invariants, findings }: Summary): string =>
  [
    '',
    `seed ${seed}, ${Math.round(ms / 1_000)} s`,
    `operations: ${list(operations)}`,
    `faults: ${list(faults)}`,
    `invariants looked at: ${list(invariants)}`,
    `findings: ${findings.length === 0 ? 'none' : findings.map((each) => each.experiment).join(', ')}`,
    `${Object.values(faults).reduce((sum, count) => sum + count, 0) - findings.length} passed, ${findings.length} failed`,
  ].join('\n');
