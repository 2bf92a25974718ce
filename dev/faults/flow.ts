/** One direction of a proxied connection: bytes are taken in order and passed on as the line behaves at the time. */
import type { Socket } from 'node:net';

export type Behaviour =
  | { readonly kind: 'honest' | 'hold' | 'reset' | 'dribble' | 'blackhole' }
  | { readonly kind: 'delay'; readonly ms: number };

/** What becomes of a run of bytes: it waits its turn, goes through though the line holds, or goes and cuts off who sent it. */
export type Fate = 'turn' | 'through' | 'cut';
export type Judge = (chunk: Buffer) => Fate;

export type Flow = { readonly set: (behaviour: Behaviour) => void };

type Waiting = { readonly bytes: Buffer | 'end'; readonly dueAt: number };

export function openFlow(from: Socket, to: Socket, first: Behaviour, judge: Judge = () => 'turn'): Flow {
  let behaviour = first;
  const queue: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;
  let dripping = false;

  const pump = (): void => {
    if (dripping || timer) return;
    while (queue.length > 0) {
      const [next] = queue;
      if (!next || behaviour.kind === 'hold') return;
      const waitMs = next.dueAt - performance.now();
      if (waitMs > 0) {
        timer = setTimeout(() => {
          timer = undefined;
          pump();
        }, waitMs);
        return;
      }
      if (behaviour.kind === 'dribble' && next.bytes !== 'end' && next.bytes.length > 1) return drip(next.bytes);
      queue.shift();
      pass(next.bytes);
    }
  };
  const pass = (bytes: Buffer | 'end'): void => {
    if (to.destroyed) return;
    if (bytes === 'end') to.end();
    else if (!to.write(bytes)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  };
  /** A byte now and the rest a moment later: the event loop goes round in between. */
  const drip = (bytes: Buffer): void => {
    dripping = true;
    queue[0] = { bytes: bytes.subarray(1), dueAt: 0 };
    pass(bytes.subarray(0, 1));
    setImmediate(() => {
      dripping = false;
      pump();
    });
  };
  const take = (bytes: Buffer | 'end'): void => {
    if (behaviour.kind === 'blackhole') return;
    queue.push({ bytes, dueAt: behaviour.kind === 'delay' ? performance.now() + behaviour.ms : 0 });
    pump();
  };

  from.on('data', (chunk: Buffer) => {
    const fate = judge(chunk);
    if (fate === 'cut') {
      to.write(chunk, () => from.resetAndDestroy());
      return;
    }
    if (fate === 'through') return pass(chunk);
    take(chunk);
  });
  from.on('end', () => take('end'));
  return {
    set: (next) => {
      behaviour = next;
      if (timer && next.kind !== 'delay') {
        clearTimeout(timer);
        timer = undefined;
        for (const [place, waiting] of queue.entries()) queue[place] = { ...waiting, dueAt: 0 };
      }
      pump();
    },
  };
}
