/**
 * `npm run bench -- quick`: exact counts and interleaved ratios. Counts are gates (`bench/baselines.json`); ratios are
 * told with their spread and fail nothing, because a busy machine is not a wrong program.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgress } from '../dev/progress.mjs';
import { messageOf } from '../dev/trouble.ts';
import { openStage } from '../dev/tour/stage.ts';
import { measureBundle } from './bundle.ts';
import { measureLifecycle } from './lifecycle.ts';
import type { Metric } from './metric.ts';
import { measurePolicy } from './policy.ts';
import { measureSlackCalls } from './slack-calls.ts';
import { measureTarget } from './target.ts';

const usage = `npm run bench -- quick            counts and ratios of one request, on a temporary stack (about a minute)
npm run bench -- quick --json     one JSON object a metric: {metric, value, budget, ok}

Exit code 1 when a count is not what bench/baselines.json says.
`;

const words = process.argv.slice(2);
if (
  words.includes('--help') ||
  words.includes('-h') ||
  words.filter((word) => word !== '--json').join(' ') !== 'quick'
) {
  process.stdout.write(usage);
  process.exit(words.includes('--help') || words.includes('-h') ? 0 : 2);
}

const json = words.includes('--json');
const progress = startProgress(process.stderr);
const baselines = JSON.parse(readFileSync(join(import.meta.dirname, 'baselines.json'), 'utf8')) as Readonly<
  Record<string, number>
>;

try {
  const metrics: Metric[] = [];
  const tell = (measured: readonly Metric[]): void => {
    for (const metric of measured) process.stdout.write(json ? `${JSON.stringify(metric)}\n` : `${lineOf(metric)}\n`);
    metrics.push(...measured);
  };
  const { ratio } = await progress.step('Workflow bundle', () => measureBundle());
  const value = Number(ratio.toFixed(4));
  tell([{ metric: 'workflow.bundle.ratio', value, budget: 1.05, ok: value <= 1.05 }]);
  tell([await progress.step('policy', () => measurePolicy())]);
  tell(await progress.step('target', () => measureTarget()));
  const stage = await openStage(progress);
  try {
    tell([await progress.step('calls to Slack', () => measureSlackCalls(stage))]);
    tell(await progress.step('lifecycle', () => measureLifecycle(stage)));
  } finally {
    await stage.end();
  }
  const wrong = metrics.filter(({ metric, value: now }) => metric in baselines && baselines[metric] !== now);
  for (const { metric, value: now } of wrong)
    process.stderr.write(`${metric} is ${now}; bench/baselines.json says ${baselines[metric]}\n`);
  const missing = Object.keys(baselines).filter((name) => !metrics.some(({ metric }) => metric === name));
  for (const name of missing) process.stderr.write(`${name} was not measured\n`);
  process.exit(wrong.length + missing.length > 0 ? 1 : 0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}

function lineOf({ metric, value, budget, ok, spread, perSecond }: Metric): string {
  const more = spread
    ? `  (pairs from ${spread.p25} to ${spread.p75}; ${spread.ownMs} ms against ${spread.floorMs} ms, ${spread.pairs} pairs)`
    : '';
  const speed = perSecond === undefined ? '' : `  ${perSecond.toLocaleString('en')} a second`;
  return `${ok ? 'ok  ' : 'over'} ${metric.padEnd(32)} ${String(value).padStart(8)}  budget ${budget}${more}${speed}`;
}
