/** `npm run faults`: seeded faults on a stack of its own, and the checker of the invariants after each of them. */
import { parseArgs } from 'node:util';
import { minuteMs, secondMs } from '../../domain/time.ts';
import { startProgress } from '../progress.mjs';
import { Trouble, messageOf } from '../trouble.ts';
import { experiments, nameOf } from './experiments.ts';
import { replayOf, told, toldSummary } from './report.ts';
import { runSuite, turnsOf, type Turn } from './suite.ts';
import { openWorld, type World } from './world.ts';

const usage = `npm run faults                     every experiment once, in an order drawn by chance
npm run faults -- --seed 7         in the order, and with the chance, of this seed
npm run faults -- --only F27,F34   these alone; F34#2 is what a run does in its second round
npm run faults -- --minutes 30     again and again for so long
npm run faults -- --list           what there is
npm run faults -- --json           one JSON object a line, at last {summary}
npm run faults -- --keep           keeps logs and the history of operations also where all is well
`;

const options = {
  seed: { type: 'string' },
  only: { type: 'string' },
  minutes: { type: 'string' },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
  keep: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const refuse = (what: string): never => {
  process.stderr.write(`${what}\n\n${usage}`);
  process.exit(2);
};
const values = (() => {
  try {
    return parseArgs({ options, strict: true }).values;
  } catch (error) {
    return refuse(messageOf(error));
  }
})();
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (values.list) {
  for (const each of experiments) process.stdout.write(`${nameOf(each).padEnd(5)} ${each.name}\n`);
  process.exit(0);
}
const whole = (name: 'seed' | 'minutes', otherwise: number): number => {
  const text = values[name];
  if (text === undefined) return otherwise;
  return /^\d{1,9}$/.test(text) && (name === 'seed' || Number(text) > 0)
    ? Number(text)
    : refuse(`--${name} is no number`);
};
const seed = whole('seed', Date.now() % 1_000_000);
const minutes = whole('minutes', 0);

/** The turns that were asked for. */
function chosen(): Iterable<Turn> {
  if (values.only === undefined) return turnsOf(seed, experiments, minutes > 0 ? Infinity : 1);
  const turns = values.only.split(',').flatMap((word): readonly Turn[] => {
    const [, id = '', time] = /^(F\d+[a-z]?)(?:#(\d+))?$/.exec(word.trim()) ?? [];
    const named = experiments.filter((each) => nameOf(each) === id || `F${each.fault}` === id);
    if (named.length === 0) refuse(`there is no experiment ${word}; see --list`);
    const times =
      time === undefined && minutes > 0 ? Array.from({ length: 1_000 }, (_, n) => n + 1) : [Number(time ?? 1)];
    return times.flatMap((each) =>
      named.map((experiment) => {
        const name = nameOf(experiment);
        return { experiment, id: each === 1 ? name : `${name}#${each}`, time: each };
      }),
    );
  });
  return turns.toSorted((one, other) => one.time - other.time);
}

const turns = chosen();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const ends: { world?: World } = {};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void (ends.world?.end(true) ?? Promise.resolve()).finally(() => process.exit(130)));
}
let failed = true;
try {
  const world = await openWorld(startProgress(process.stderr));
  ends.world = world;
  if (!values.json) say(`seed ${seed}`);
  const summary = await runSuite(world, seed, turns, minutes > 0 ? minutes * minuteMs : 24 * 60 * minuteMs, (outcome) =>
    say(values.json ? JSON.stringify(outcome) : told(outcome, seed)),
  );
  failed = summary.findings.length > 0;
  const keep = failed || values.keep === true;
  const history = keep ? world.history.file : null;
  say(values.json ? JSON.stringify({ summary: { ...summary, history } }) : toldSummary(summary));
  if (keep) process.stderr.write(`history and logs are kept in ${world.stack.state.path}\n`);
  if (failed) for (const { experiment } of summary.findings) process.stderr.write(`${replayOf(seed, experiment)}\n`);
  await world.end(keep);
} catch (error) {
  process.stderr.write(`${error instanceof Trouble ? error.message : messageOf(error)}\n`);
  await ends.world?.end(true);
}
// The runtime's own threads may take their time.
setTimeout(() => process.exit(failed ? 1 : 0), secondMs).unref();
process.exitCode = failed ? 1 : 0;
