/**
 * `npm run bench -- quick`: exact counts and interleaved ratios. Counts are gates (`bench/baselines.json`); ratios are
 * told with their spread and fail nothing, because a busy machine is not a wrong program.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startProgress } from '../dev/progress.mjs';
import { messageOf } from '../dev/trouble.ts';
import { openStage } from '../dev/tour/stage.ts';
import { measureAudit } from './audit.ts';
import { measureBundle } from './bundle.ts';
import { measureLifecycle } from './lifecycle.ts';
import type { Metric } from './metric.ts';
import { measurePolicy } from './policy.ts';
import { measureSlackCalls } from './slack-calls.ts';
import { raiseStorms, stormParts, type StormPart } from './storm.ts';
import { measureTarget } from './target.ts';

const usage = `npm run bench -- quick            counts and ratios of one request, on a temporary stack (about a minute)
npm run bench -- storm            leavers, expiries and restarts by the thousand, on a temporary stack (half an hour)
        --scale 0.1               a tenth of each number
        --only leave,expiry       some of: leave, closed, fleet, expiry, flat, idle, reconcile, restart
npm run bench -- audit            a grant with its entry and without, and a million entries sequenced and verified (an hour)
        --scale 0.1               a tenth of each number
        --json                    one JSON object a metric: {metric, value, budget, ok}

Exit code 1 when a count is not what bench/baselines.json says.
`;

const { values, positionals } = read();
const what = positionals[0];
if (values.help || positionals.length !== 1 || (what !== 'quick' && what !== 'storm' && what !== 'audit')) {
  process.stdout.write(usage);
  process.exit(values.help ? 0 : 2);
}

const { json } = values;
const progress = startProgress(process.stderr);
const baselines = JSON.parse(readFileSync(join(import.meta.dirname, 'baselines.json'), 'utf8')) as Readonly<
  Record<string, number>
>;

const metrics: Metric[] = [];
const tell = (measured: readonly Metric[]): void => {
  for (const metric of measured) process.stdout.write(json ? `${JSON.stringify(metric)}\n` : `${lineOf(metric)}\n`);
  metrics.push(...measured);
};

try {
  if (what === 'quick') await quick();
  else if (what === 'storm') await raiseStorms(progress, scaleOf(values.scale), partsOf(values.only), tell);
  else {
    const scale = scaleOf(values.scale);
    await measureAudit(progress, scale, tell);
    // A shorter log has shorter proofs.
    if (scale === 1) gate((name) => name.startsWith('audit.'));
  }
  process.exit(metrics.some(({ metric, ok }) => metric.endsWith('.lost') && !ok) ? 1 : process.exitCode);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}

async function quick(): Promise<void> {
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
  gate((name) => !name.startsWith('audit.'));
}

/** Sets the exit code: each of these counts was measured, and is what it was. */
function gate(isMeant: (name: string) => boolean): void {
  const wrong = metrics.filter(({ metric, value: now }) => metric in baselines && baselines[metric] !== now);
  for (const { metric, value: now } of wrong)
    process.stderr.write(`${metric} is ${now}; bench/baselines.json says ${baselines[metric]}\n`);
  const missing = Object.keys(baselines).filter(
    (name) => isMeant(name) && !metrics.some(({ metric }) => metric === name),
  );
  for (const name of missing) process.stderr.write(`${name} was not measured\n`);
  process.exitCode = wrong.length + missing.length > 0 ? 1 : 0;
}

/** @throws never: words that mean nothing are answered with the usage */
function read() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        scale: { type: 'string', default: '1' },
        only: { type: 'string' },
      },
    });
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${usage}`);
    process.exit(2);
  }
}

function scaleOf(text: string): number {
  const scale = Number(text);
  if (scale > 0 && scale <= 1) return scale;
  process.stderr.write(`--scale ${text}: a number over 0 and at most 1\n`);
  process.exit(2);
}

function partsOf(text: string | undefined): readonly StormPart[] {
  const wanted = text === undefined ? stormParts : text.split(',');
  const unknown = wanted.filter((word) => !(stormParts as readonly string[]).includes(word));
  if (unknown.length === 0) return wanted as readonly StormPart[];
  process.stderr.write(`--only ${unknown.join(',')}: known are ${stormParts.join(', ')}\n`);
  process.exit(2);
}

function lineOf({ metric, value, budget, ok, spread, perSecond, note }: Metric): string {
  const more = spread
    ? `  (pairs from ${spread.p25} to ${spread.p75}; ${spread.ownMs} ms against ${spread.floorMs} ms, ${spread.pairs} pairs)`
    : '';
  const speed = perSecond === undefined ? '' : `  ${perSecond.toLocaleString('en')} a second`;
  const judged = budget === null ? '' : `  budget ${budget}`;
  const said = note === undefined ? '' : `  ${note}`;
  return `${ok ? 'ok  ' : 'over'} ${metric.padEnd(32)} ${String(value).padStart(8)}${judged}${more}${speed}${said}`;
}
