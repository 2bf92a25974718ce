/**
 * A line between two processes that can be made as bad as a network: silent, slow, dripping, held up, broken, or cut
 * exactly when something has been sent. Loopback only. A fault holds for connections that are open and those that come.
 */
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { openFlow, type Behaviour, type Fate, type Flow } from './flow.ts';

/** Does what a connection has sent to the server by now hold what is waited for? The newest bytes, at most 64 kB. */
export type Matcher = (sent: Buffer) => boolean;

export type Proxy = {
  readonly name: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly open: () => number;
  /** Closes what is open, in order; whoever comes after gets through. */
  readonly cut: () => void;
  /** Keeps every byte, both ways, until `restore` lets them go on. */
  readonly hold: () => void;
  /**
   * Keeps what is sent from the byte run on that matches: `before` it reaches the server, or `after`, so that the server
   * has it and its answer is kept.
   * @returns resolves when it is held
   */
  readonly holdAt: (what: string | Matcher, when: 'before' | 'after') => Promise<void>;
  /** RST to what is open and to whoever comes. */
  readonly reset: () => void;
  /** Each byte comes so much later, each way, ms. */
  readonly delay: (ms: number) => void;
  /** One byte at a time, each way. */
  readonly dribble: () => void;
  /** Takes everything and passes on nothing. What was swallowed is lost: `restore` ends those connections. */
  readonly blackhole: () => void;
  /**
   * Lets through what matches, whole, and then resets the client's side: the server has it, and nobody hears so.
   * @returns resolves when that has happened, once
   */
  readonly cutAfter: (what: string | Matcher) => Promise<void>;
  /** An honest line again. */
  readonly restore: () => void;
  readonly stop: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type ProxyOptions = {
  readonly to: { readonly host: string; readonly port: number };
  /** As it is called in what the suite prints. */
  readonly name?: string;
};

type Trap = {
  readonly matches: Matcher;
  readonly spring: () => Fate;
  readonly done: () => void;
};
type Line = { readonly client: Socket; readonly server: Socket; readonly up: Flow; readonly down: Flow };

const rememberedBytes = 65_536;

export async function openProxy({ to, name = `proxy to ${to.port}` }: ProxyOptions): Promise<Proxy> {
  const lines = new Set<Line>();
  let behaviour: Behaviour = { kind: 'honest' };
  let trap: Trap | undefined;
  const behave = (next: Behaviour): void => {
    behaviour = next;
    for (const line of lines) for (const flow of [line.up, line.down]) flow.set(next);
  };
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (behaviour.kind === 'reset') return void client.resetAndDestroy();
    const server = connect({ ...to, allowHalfOpen: true, noDelay: true });
    let sent = Buffer.alloc(0);
    const judge = (chunk: Buffer): Fate => {
      if (trap === undefined) return 'turn';
      sent = Buffer.concat([sent, chunk]).subarray(-rememberedBytes);
      if (!trap.matches(sent)) return 'turn';
      const sprung = trap;
      trap = undefined;
      queueMicrotask(sprung.done);
      return sprung.spring();
    };
    const line: Line = {
      client,
      server,
      up: openFlow(client, server, behaviour, judge),
      down: openFlow(server, client, behaviour),
    };
    lines.add(line);
    const over = (): void => {
      lines.delete(line);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', over).on('close', over);
  });
  await listening(listener);

  const endAll = (end: (line: Line) => void): void => {
    for (const line of lines) end(line);
  };
  const armed = (what: string | Matcher, spring: Trap['spring']): Promise<void> =>
    new Promise((done) => {
      trap = { matches: typeof what === 'string' ? (sent) => sent.includes(what) : what, spring, done };
    });
  const restore = (): void => {
    trap = undefined;
    const lost = behaviour.kind === 'blackhole';
    behave({ kind: 'honest' });
    if (lost) endAll(({ client, server }) => [client, server].forEach((socket) => socket.destroy()));
  };
  const close = async (): Promise<void> => {
    endAll(({ client, server }) => [client, server].forEach((socket) => socket.destroy()));
    if (!listener.listening) return;
    listener.close();
    await once(listener, 'close');
  };
  return {
    name,
    port: (listener.address() as AddressInfo).port,
    open: () => lines.size,
    cut: () => endAll(({ client, server }) => [client, server].forEach((socket) => socket.end())),
    hold: () => behave({ kind: 'hold' }),
    holdAt: (what, when) =>
      armed(what, () => {
        // From here on nothing of any connection passes; where the server is to have it, that one run of bytes still does.
        behave({ kind: 'hold' });
        return when === 'after' ? 'through' : 'turn';
      }),
    reset: () => {
      behave({ kind: 'reset' });
      endAll(({ client, server }) => [client, server].forEach((socket) => socket.resetAndDestroy()));
    },
    delay: (ms) => behave({ kind: 'delay', ms }),
    dribble: () => behave({ kind: 'dribble' }),
    blackhole: () => behave({ kind: 'blackhole' }),
    cutAfter: (what) => armed(what, () => 'cut'),
    restore,
    stop: close,
    close,
  };
}

const listening = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
