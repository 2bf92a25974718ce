/**
 * Ends what the parent left behind. `processes.ts` starts one guard a process and writes to its standard input
 * `watch <pid> <signal> <ms>` and `forget <pid>`. The pipe closes however the parent ends, kill -9 included, which no
 * exit hook survives; whatever is still watched then gets its signal, and SIGKILL when its time is over.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const watched = new Map<number, { readonly signal: NodeJS.Signals; readonly withinMs: number }>();

const send = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
};

const end = async (pid: number, { signal, withinMs }: { signal: NodeJS.Signals; withinMs: number }): Promise<void> => {
  const giveUpAt = Date.now() + withinMs;
  send(pid, signal);
  while (send(pid, 0) && Date.now() < giveUpAt) await pause(50);
  // The group, for a child may have children of its own.
  if (send(pid, 0) && !send(-pid, 'SIGKILL')) send(pid, 'SIGKILL');
};

// Ctrl-C reaches a whole terminal group; the guard leaves only when its parent has.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, pid, signal, withinMs] = line.split(' ');
  if (word === 'watch') watched.set(Number(pid), { signal: signal as NodeJS.Signals, withinMs: Number(withinMs) });
  if (word === 'forget') watched.delete(Number(pid));
}
await Promise.all([...watched].map(([pid, how]) => end(pid, how)));
