/**
 * What the system lets the replayer's child do once it has loaded what it needs, its native code included, of which
 * Node's permission model knows nothing: on Linux, no file descriptor more than it has. Then there is no socket, no file
 * and no pipe to be had, whoever asks. (prlimit(2), `prlimit` of util-linux; a process may always be lowered by its user.)
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Bytes of private memory: several times what a replay of the longest history takes. */
const dataBytes = 4 * 1024 ** 3;
/** Of a processor: whoever started it may have been killed, and cannot end it. A hundred thousand histories take less. */
const cpuSeconds = 2 * 60 * 60;

/** @returns whether there is a wall: false on a system without `prlimit` */
export async function buildWalls(pid: number): Promise<boolean> {
  const limits = ['--nofile=0:0', '--fsize=0:0', '--core=0:0'];
  limits.push(`--data=${dataBytes}:${dataBytes}`, `--cpu=${cpuSeconds}:${cpuSeconds}`);
  return run('prlimit', ['--pid', String(pid), ...limits], { timeout: 10_000 }).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw new Error('the replay could not be walled in', { cause: error });
    },
  );
}
