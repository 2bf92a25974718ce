/**
 * Ends what the parent left behind. `processes.ts` starts one guard a process and writes to its standard input
 * `watch <pid> <signal>` and `forget <pid>`. The pipe closes however the parent ends, kill -9 included, which no exit
 * hook survives; whatever is still watched then gets its signal, and SIGKILL five seconds later.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const graceMs = 5_000;
const watched = new Map<number, NodeJS.Signals>();

const send = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
};

const alive = (): number[] => [...watched.keys()].filter((pid) => send(pid, 0));

const endAll = async (): Promise<void> => {
  for (const [pid, signal] of watched) send(pid, signal);
  const giveUpAt = Date.now() + graceMs;
  while (alive().length > 0 && Date.now() < giveUpAt) await pause(50);
  // The group, for a child may have children of its own.
  for (const pid of alive()) if (!send(-pid, 'SIGKILL')) send(pid, 'SIGKILL');
};

// Ctrl-C reaches a whole terminal group; the guard leaves only when its parent has.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, pid, signal] = line.split(' ');
  if (word === 'watch') watched.set(Number(pid), signal as NodeJS.Signals);
  if (word === 'forget') watched.delete(Number(pid));
}
await endAll();
