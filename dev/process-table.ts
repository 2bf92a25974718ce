/** The system's table of processes, for those that are not this process's children. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { codeOf } from './trouble.ts';

const run = promisify(execFile);

/** The command line of a process; null when there is no such process, empty when it cannot be read. */
export const commandOf = async (pid: number): Promise<string | null> => {
  if (!Number.isSafeInteger(pid) || pid < 1) return null;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return null;
  }
  return run('ps', ['-ww', '-p', String(pid), '-o', 'command=']).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
};

/** Ids of the processes that a process started and that still run. */
export const childrenOf = async (pid: number): Promise<readonly number[]> => {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
};

/** SIGKILL; nothing where the process has ended meanwhile. */
export const killIfAlive = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already: what was wanted.
  }
};
