/** This process's side of the guard (`guard.ts`), which is started with the first thing that needs one. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

let guardProcess: ChildProcess | null = null;

/** One line to the guard. */
export const guard = (line: string): void => {
  guardProcess ??= startGuard();
  guardProcess.stdin?.write(`${line}\n`);
};

const startGuard = (): ChildProcess => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'guard.ts')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Neither the guard nor its pipe keeps the parent alive; if the guard is gone, the parent goes on without it.
  child.unref();
  (child.stdin as unknown as { unref: () => void }).unref();
  child.stdin.on('error', () => undefined);
  child.on('error', () => undefined);
  return child;
};
