/** Everything that a process starts, its children's children too, whatever group each of them is in. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { killIfAlive } from '../../dev/process-table.ts';
import { eventually } from './eventually.ts';

const run = promisify(execFile);

export type Descendants = {
  /** Ids of those that were seen so far, the process itself among them. */
  readonly seen: () => readonly number[];
  /** Stops looking, and gives those a moment that end by themselves; what still runs then, with its command. */
  readonly leftOver: () => Promise<readonly string[]>;
  /** For the end of a test, whatever happened in it. */
  readonly endAll: () => Promise<void>;
};

type Row = { readonly pid: number; readonly parent: number; readonly startedAt: number; readonly command: string };

const lookEveryMs = 200;
/** The system tells the second in which a process began, and may round it otherwise the next time. */
const roundingMs = 2_000;
/** A guard that outlives its parent ends what is left within five seconds. */
const ownEndMs = 8_000;

/** Looks again and again who is whose child, because an orphan's parent is not told any more. */
export function processesOf(pid: number): Descendants {
  // A number may be given to another process later: who it is, is told by when it began.
  const known = new Map<number, number | undefined>([[pid, undefined]]);
  const stopping = new AbortController();
  const look = async (): Promise<readonly Row[]> => {
    const rows = await table();
    for (const row of rows.toSorted((one, other) => one.pid - other.pid)) {
      if (row.pid === pid) known.set(pid, known.get(pid) ?? row.startedAt);
      else if (known.has(row.parent) && !known.has(row.pid)) known.set(row.pid, row.startedAt);
    }
    return rows.filter((row) => Math.abs((known.get(row.pid) ?? Infinity) - row.startedAt) <= roundingMs);
  };
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  })();
  const alive = async (): Promise<readonly Row[]> => (await look()).filter(({ command }) => command !== '');
  return {
    seen: () => [...known.keys()],
    leftOver: async () => {
      stopping.abort();
      await looking;
      await eventually('all have ended', async () => (await alive()).length === 0, {
        withinMs: ownEndMs,
        everyMs: lookEveryMs,
      }).catch(() => undefined);
      return (await alive()).map((row) => `${row.pid} ${row.command}`);
    },
    endAll: async () => {
      stopping.abort();
      await looking;
      for (const row of await alive()) killIfAlive(row.pid);
    },
  };
}

/** Zombies are left out: they have ended, and only their parent has not looked yet. */
async function table(): Promise<readonly Row[]> {
  const { stdout } = await run('ps', ['-ww', '-A', '-o', 'pid=,ppid=,stat=,lstart=,command='], {
    maxBuffer: 16_000_000,
  });
  return stdout.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
    if (!found || found[3]?.startsWith('Z')) return [];
    return [
      {
        pid: Number(found[1]),
        parent: Number(found[2]),
        startedAt: Date.parse(found[4] ?? ''),
        command: found[5] ?? '',
      },
    ];
  });
}
