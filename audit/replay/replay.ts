/**
 * Whether a recorded history is what the recorded script does: the script is run again over the history by Temporal's own
 * replayer, which compares command by command. It runs in a child process that may read the packages and nothing else,
 * write nothing, start nothing and reach nobody. NB. Only a script whose hash stands in a log that was verified should
 * be run at all: one that gets out of its context could also lie about itself.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { realpathSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { frame, linesOf, longestWhy, type Answer } from './frames.ts';
import { buildWalls } from './walls.ts';

/** `differs`: why, in the replayer's words, or that it came to no end. */
export type Replayed = 'same' | { readonly differs: string };

export type ReplayInput = {
  /** The script, whole. */
  readonly bundle: Uint8Array;
  /** As it was exported: JSON, payloads in the clear. */
  readonly history: Uint8Array;
  /** The Workflow's id, which a history does not hold. */
  readonly workflowId: string;
};

export type ReplayBounds = {
  /** Of one history, and of the start; a minute where absent. */
  readonly withinMs?: number;
  /** Of the child's JavaScript heap, MiB; 512 where absent. */
  readonly heapMb?: number;
  /** Walls the child in, by its id, and says whether it could; the system's where absent. */
  readonly walls?: (pid: number) => Promise<boolean>;
};

export type Replayer = {
  /** False where the system has no wall and the process's own doors are all there is (see `doors.ts`). */
  readonly walled: boolean;
  /** One at a time. After one that came to no end, each further one is `differs` too. */
  replay(input: Omit<ReplayInput, 'bundle'>): Promise<Replayed>;
  close(): Promise<void>;
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const child = fileURLToPath(new URL('child.ts', import.meta.url));
const defaults = { withinMs: 60_000, heapMb: 512, walls: buildWalls } as const;
const killedWithinMs = 5_000;

/** One history. @throws where the child cannot be started */
export async function replayHistory({ bundle, ...of }: ReplayInput, bounds: ReplayBounds = {}): Promise<Replayed> {
  const replayer = await openReplay(bundle, bounds);
  try {
    return await replayer.replay(of);
  } finally {
    await replayer.close();
  }
}

/**
 * A child for one script and any number of histories: starting one takes a second.
 * @throws where it cannot be started
 */
export async function openReplay(bundle: Uint8Array, bounds: ReplayBounds = {}): Promise<Replayer> {
  const { withinMs, heapMb, walls } = { ...defaults, ...bounds };
  const running = spawn(process.execPath, argumentsFor(heapMb), {
    cwd: root,
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => void running.once('close', () => resolve()));
  const answers = answersOf(running);
  const kill = (): void => void running.kill('SIGKILL');
  // NB. A script that does not stop does not notice either that nobody waits for it any more.
  process.once('exit', kill);
  const end = async (): Promise<void> => {
    process.off('exit', kill);
    kill();
    await Promise.race([ended, pause(killedWithinMs, undefined, { ref: false })]);
  };
  try {
    if ((await answers.next(withinMs))?.kind !== 'ready' || running.pid === undefined)
      throw new Error('the process that replays histories did not start');
    const walled = await walls(running.pid);
    running.stdin.write(frame(bundle));
    let over: string | undefined;
    return {
      walled,
      async replay({ history, workflowId }) {
        if (over !== undefined) return { differs: over };
        running.stdin.write(frame(Buffer.from(framed(history, workflowId), 'utf8')));
        const answer = await answers.next(withinMs);
        if (answer?.kind === 'same') return 'same';
        if (answer?.kind === 'differs') return { differs: answer.why };
        over = `the replay came to no end within ${withinMs} ms and ${heapMb} MiB`;
        await end();
        return { differs: over };
      },
      close: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

const framed = (history: Uint8Array, workflowId: string): string =>
  `{"workflowId":${JSON.stringify(workflowId)},"history":${new TextDecoder().decode(history)}}`;

/**
 * NB. `--allow-addons` is for Temporal's native library alone, which is loaded before anything of the script is;
 * `--no-addons` would be the other way round. What is not allowed here is refused: writes, processes, threads, WASI.
 */
const argumentsFor = (heapMb: number): readonly string[] => [
  '--permission',
  `--allow-fs-read=${root}node_modules/*`,
  // Where the packages are when that is a link.
  `--allow-fs-read=${realpathSync(`${root}node_modules`)}/*`,
  `--allow-fs-read=${root}audit/replay/*`,
  `--allow-fs-read=${root}package.json`,
  '--allow-addons',
  '--disable-warning=SecurityWarning',
  `--max-old-space-size=${heapMb}`,
  child,
];

type Answers = { next(withinMs: number): Promise<Answer | undefined> };

/** Undefined where it took too long, or there will be none. */
function answersOf(running: ChildProcessByStdio<Writable, Readable, null>): Answers {
  const lines = linesOf(running.stdout);
  // A child that could not be started, or died, takes and says no more.
  running.once('error', () => running.stdout.destroy());
  running.stdin.on('error', () => undefined);
  return {
    async next(withinMs) {
      try {
        const line = await Promise.race([lines.next(), pause(withinMs, undefined, { ref: false })]);
        return line === undefined || line.done === true ? undefined : parsed(line.value);
      } catch (error) {
        return { kind: 'differs', why: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

/** The child is not trusted: what it says is an answer or it is not. */
function parsed(line: string): Answer {
  try {
    const said = JSON.parse(line) as Partial<Answer> & { readonly why?: unknown };
    if (said.kind === 'ready' || said.kind === 'same') return { kind: said.kind };
    if (said.kind === 'differs') return { kind: 'differs', why: String(said.why).slice(0, longestWhy) };
  } catch {
    // No JSON.
  }
  return { kind: 'differs', why: 'the process that replays histories said something else' };
}
