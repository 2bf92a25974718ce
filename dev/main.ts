/** `npm start`: the whole of Curfew on embedded parts, kept in `.curfew/`. `--fresh` starts over. */
import { join } from 'node:path';
import { startProcess, untilReady, type RunningProcess } from './processes.ts';
import { startProgress } from './progress.mjs';
import { compileCache } from './start-cache.ts';
import { openState } from './state.ts';
import { describe } from './stack/describe.ts';
import { slackEvents } from './stack/environments.ts';
import { screen } from './stack/screen.ts';
import type { StackSettings } from './stack/settings.ts';
import { startStack, type Stack } from './stack/stack.ts';
import { Trouble } from './trouble.ts';

const root = join(import.meta.dirname, '..');
/** Of what `.curfew/` holds. */
const stateVersion = 1;

const words = process.argv.slice(2);
if (words.includes('--help') || words.includes('-h')) {
  process.stdout.write(
    'npm start                brings Curfew up on embedded parts, with its state in .curfew/\nnpm start -- --fresh     the same, starting over\n',
  );
  process.exit(0);
}
const unknown = words.filter((word) => word !== '--fresh');
if (unknown.length > 0)
  fail(new Trouble(`npm start does not know ${unknown.join(' ')}`, 'npm start, or npm start -- --fresh'));

let stopping: Promise<void> | null = null;
const parts: { slack?: RunningProcess; stack?: Stack } = {};
let asked = false;
const progress = startProgress(process.stdout);

// Before anything is started: a Ctrl-C at any moment ends what is there by then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void interrupted());

const state = await openState({
  path: join(root, '.curfew'),
  version: stateVersion,
  fresh: words.includes('--fresh'),
}).catch(fail);
try {
  const stack = await startStack({
    state,
    progress,
    slack: startSlack,
    notice: '15m',
    onUnexpectedExit: (trouble) => void stop(trouble),
  });
  parts.stack = stack;
  const dev = await describe(stack, parts.slack?.pid ?? null);
  state.writePrivate('dev.json', dev);
  process.stdout.write(screen(dev));
  if (asked) await stop();
} catch (error) {
  await state.stop();
  fail(error);
}

async function startSlack({ ports, secrets, ...rest }: StackSettings): Promise<RunningProcess> {
  const own = {
    port: ports.slack,
    deskPort: ports.slackDesk,
    playgroundPort: ports.playground,
    app: slackEvents({ ports, secrets, ...rest }),
    botToken: secrets.botToken,
    signingSecret: secrets.signingSecret,
    desk: secrets.slackDesk,
  };
  const slack = await startProcess({
    name: 'slack',
    command: process.execPath,
    args: [join(root, 'dev', 'slack', 'main.ts')],
    cwd: root,
    env: { PATH: process.env['PATH'], ...compileCache, CURFEW_DEV_SLACK: JSON.stringify(own) },
    logFile: state.file('logs', 'slack.log'),
    onUnexpectedExit: (trouble) => void stop(trouble),
  });
  parts.slack = slack;
  await untilReady(slack, 30_000, async () => {
    const answer = await fetch(`http://127.0.0.1:${ports.playground}/`, {
      signal: AbortSignal.timeout(2_000),
    });
    await answer.arrayBuffer();
  });
  return slack;
}

/** The first Ctrl-C stops in order; while things are still coming up, it is remembered until they are. */
async function interrupted(): Promise<void> {
  if (parts.stack) return stop();
  // NB. A second one ends this process at once; its guard then ends whatever was started.
  if (asked) process.exit(130);
  asked = true;
  progress.say('  stopping as soon as what is starting is up (Ctrl-C again: at once)');
}

function stop(trouble?: Trouble): Promise<void> {
  stopping ??= stopAll(trouble);
  return stopping;
}

async function stopAll(trouble?: Trouble): Promise<void> {
  if (trouble) process.stderr.write(`${trouble.message}\n`);
  process.stdout.write('\nStopping.\n');
  await parts.stack?.stop().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
  await state.stop();
  process.exit(trouble ? 1 : 0);
}

function fail(error: unknown): never {
  process.stderr.write(
    error instanceof Trouble ? `\n${error.message}\n` : `\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(1);
}
