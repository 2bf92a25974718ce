/** One of Curfew's own processes, run from its script as an operator would run it. */
import { join } from 'node:path';
import { claimPort } from '../ports.ts';
import { startProcess, untilReady, type RunningProcess } from '../processes.ts';
import { compileCache } from '../start-cache.ts';
import type { Trouble } from '../trouble.ts';
import type { Environment } from './environments.ts';

const root = join(import.meta.dirname, '..', '..');
const readyWithinMs = 60_000;

/** `start` again after a `kill` or `stop`. */
export type Service = {
  readonly name: 'api' | 'worker' | 'reaper' | 'collector';
  readonly pid: () => number | null;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  readonly logFile: string;
};

export type ServiceSpec = {
  readonly name: Service['name'];
  /** From the project's root. */
  readonly script: string;
  /** Where its `/healthz` is. */
  readonly port: number;
  readonly env: Environment;
  readonly logFile: string;
  readonly onUnexpectedExit: (trouble: Trouble) => void;
};

/** Ready is when its own health page says so. It gets the machine's bare environment and its own variables. */
export function service(spec: ServiceSpec): Service {
  let running: RunningProcess | null = null;
  const start = async (): Promise<void> => {
    if (running?.alive()) return;
    await claimPort(spec.port, `the ${spec.name}`);
    running = await startProcess({
      name: spec.name,
      command: process.execPath,
      args: [join(root, spec.script)],
      cwd: root,
      env: { PATH: process.env['PATH'], TZ: 'UTC', ...compileCache, ...spec.env },
      logFile: spec.logFile,
      stop: [{ signal: 'SIGTERM', withinMs: 10_000 }],
      onUnexpectedExit: spec.onUnexpectedExit,
    });
    await untilReady(running, readyWithinMs, () => healthy(spec.port));
  };
  return {
    name: spec.name,
    logFile: spec.logFile,
    pid: () => (running?.alive() ? running.pid : null),
    start,
    stop: async () => {
      await running?.stop();
      running = null;
    },
    kill: async (signal) => {
      await running?.kill(signal);
      running = null;
    },
  };
}

async function healthy(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`/healthz says ${response.status}`);
}
