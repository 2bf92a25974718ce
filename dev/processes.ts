/**
 * Child processes that are always ended. Each runs in a group of its own, so that Ctrl-C in the terminal reaches only
 * the parent, which then stops them in order; each is watched by the guard (`guard.ts`), so that a parent that dies
 * without a word leaves nothing either.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { guard } from './guarded.ts';
import { openLog, tailOf } from './process-log.ts';
import { Trouble, messageOf } from './trouble.ts';

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** One way of asking a process to end, and how long to wait for it before the next one. */
export type StopStep = { readonly signal: NodeJS.Signals; readonly withinMs: number };

export type ProcessSpec = {
  /** As progress lines and errors call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and error are appended here by the child itself. */
  readonly logFile: string;
  readonly cwd?: string;
  /** The whole environment; this process's own where absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** Another user to run as; root only. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Tried in order, then SIGKILL; SIGTERM with 10 s where absent. */
  readonly stop?: readonly StopStep[];
  /** Called when the process ends without having been stopped through this record. */
  readonly onUnexpectedExit?: (trouble: Trouble) => void;
};

export type RunningProcess = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  readonly alive: () => boolean;
  /** Ends it in order and resolves when it is gone; again and again if called so. */
  readonly stop: () => Promise<Exit>;
  /** For fault tests: sends any signal; a death that follows counts as wanted. */
  readonly kill: (signal: NodeJS.Signals) => Promise<Exit>;
  /** SIGSTOP or SIGCONT, for fault tests: the process stays. */
  readonly signal: (signal: NodeJS.Signals) => void;
  /** The end of the log, at most `count` lines. */
  readonly lastLines: (count: number) => string;
};

const defaultStop: readonly StopStep[] = [{ signal: 'SIGTERM', withinMs: 10_000 }];
/** At most so long may a child outlive a parent that died without stopping it. */
const orphanLifeMs = 5_000;

/** A child that is started elsewhere ends too when this process does, however that ends. */
export const guardChild = (child: ChildProcess, how: StopStep | undefined): void => {
  if (child.pid === undefined) return;
  guard(`watch ${child.pid} ${how?.signal ?? 'SIGTERM'} ${Math.min(how?.withinMs ?? 0, orphanLifeMs)}`);
  child.once('exit', () => guard(`forget ${child.pid}`));
};

/** @throws Trouble when the program cannot be run at all. */
export const startProcess = async (spec: ProcessSpec): Promise<RunningProcess> => {
  const child = await spawnInto(spec);
  const pid = child.pid as number;
  const stopSteps = spec.stop ?? defaultStop;
  const [first] = stopSteps;
  guardChild(child, first);
  let wanted = false;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
      if (!wanted) spec.onUnexpectedExit?.(unexpectedExit(running, { code, signal }));
    });
  });
  const running: RunningProcess = {
    name: spec.name,
    pid,
    logFile: spec.logFile,
    exited,
    alive: () => child.exitCode === null && child.signalCode === null,
    stop: () => {
      wanted = true;
      return stopInSteps(running, child, stopSteps);
    },
    kill: (signal) => {
      wanted = true;
      child.kill(signal);
      return exited;
    },
    signal: (signal) => void child.kill(signal),
    lastLines: (count) => tailOf(spec.logFile, count),
  };
  return running;
};

const spawnInto = async (spec: ProcessSpec): Promise<ChildProcess> => {
  const log = openLog(spec.logFile);
  try {
    const child = spawn(spec.command, spec.args, {
      stdio: ['ignore', log, log],
      detached: true,
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.env === undefined ? {} : { env: spec.env }),
      ...spec.user,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    return child;
  } catch (error) {
    throw new Trouble(
      `${spec.name} cannot be started: ${messageOf(error)}`,
      `check that ${spec.command} exists and may be executed`,
      { cause: error },
    );
  } finally {
    closeSync(log);
  }
};

const stopInSteps = async (running: RunningProcess, child: ChildProcess, steps: readonly StopStep[]): Promise<Exit> => {
  for (const step of steps) {
    if (!running.alive()) return running.exited;
    child.kill(step.signal);
    if (await settledWithin(running.exited, step.withinMs)) return running.exited;
  }
  try {
    process.kill(-running.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
  return running.exited;
};

const settledWithin = async (promise: Promise<unknown>, withinMs: number): Promise<boolean> => {
  const timer = new AbortController();
  const done = promise.then(() => true);
  const late = pause(withinMs, false, { signal: timer.signal }).catch(() => false);
  const first = await Promise.race([done, late]);
  timer.abort();
  return first;
};

const unexpectedExit = (running: RunningProcess, exit: Exit): Trouble =>
  new Trouble(
    `${running.name} ended by itself (${exit.signal ?? `exit code ${exit.code}`}). Its last lines:\n${running.lastLines(15)}`,
    `the whole log is ${running.logFile}`,
  );

/**
 * Asks `probe` every 50 ms until it resolves. A probe is expected to fail until the process is up; its last error is
 * in the message when the time is over.
 * @throws Trouble when the process ends first, or after `withinMs`
 */
export const untilReady = async <T>(running: RunningProcess, withinMs: number, probe: () => Promise<T>): Promise<T> => {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    if (!running.alive()) throw unexpectedExit(running, await running.exited);
    try {
      return await probe();
    } catch (error) {
      if (error instanceof Trouble) throw error;
      if (Date.now() > giveUpAt) {
        const what = `${running.name} did not answer within ${withinMs / 1000} s (${messageOf(error)}). Its last lines:\n${running.lastLines(15)}`;
        throw new Trouble(what, `the whole log is ${running.logFile}`, { cause: error });
      }
    }
    await pause(50);
  }
};

/** Anything that ends in order: a process, a server, a folder's lock. */
export type Stoppable = { readonly name: string; readonly stop: () => Promise<unknown> };

/**
 * What was started, to be stopped in the opposite order. One that fails to stop does not keep the others from it; the
 * failures come together at the end.
 */
export const startedThings = (): {
  readonly add: <T extends Stoppable>(thing: T) => T;
  readonly stopAll: () => Promise<void>;
} => {
  const things: Stoppable[] = [];
  return {
    add: (thing) => {
      things.push(thing);
      return thing;
    },
    stopAll: async () => {
      const failures: unknown[] = [];
      for (let thing = things.pop(); thing !== undefined; thing = things.pop()) {
        const { name } = thing;
        await thing
          .stop()
          .catch((error: unknown) => failures.push(new Error(`${name}: ${messageOf(error)}`, { cause: error })));
      }
      if (failures.length > 0) throw new AggregateError(failures, 'some parts did not stop in order');
    },
  };
};
