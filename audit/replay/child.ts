/**
 * Runs recorded histories on one recorded script of Workflows, with Temporal's own replayer. Started by `replay.ts` alone:
 * under Node's permission model, with an empty environment, and told everything through its standard input.
 */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { closeDoors } from './doors.ts';
import { framesOf, longestWhy, type Answer } from './frames.ts';
import { load, replayLate, type HistoryOf } from './late-worker.ts';
import { noHistory, noScript } from './nothing.ts';

const out = process.stdout;
const frames = framesOf(process.stdin);
const answer = (said: Answer): void => void out.write(`${JSON.stringify(said)}\n`);
const differs = (error: unknown): void =>
  answer({ kind: 'differs', why: (error instanceof Error ? error.message : String(error)).slice(0, longestWhy) });
const exit = process.exit.bind(process, 0);

Runtime.install({
  logger: new DefaultLogger('ERROR', () => undefined),
  shutdownSignals: [],
  telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});

/** Nothing, so that all is there; then the doors are shut, the script is loaded, and one history follows another. */
async function* histories(): AsyncGenerator<HistoryOf> {
  yield { workflowId: 'none', history: noHistory };
  closeDoors();
  answer({ kind: 'ready' });
  const script = await frames.next();
  if (script.done) return;
  await load(script.value.toString('utf8'));
  for await (const frame of frames) yield JSON.parse(frame.toString('utf8')) as HistoryOf;
}

let first = true;
try {
  // NB. Each context is a new one: what one history left behind in it is no other's.
  const options = { workflowBundle: { code: noScript }, reuseV8Context: false };
  for await (const { error } of replayLate(options, histories())) {
    if (!first && error) differs(error);
    else if (!first) answer({ kind: 'same' });
    first = false;
  }
} catch (error) {
  differs(error);
}
exit();
