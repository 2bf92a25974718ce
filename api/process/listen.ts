import { once } from 'node:events';
import { createServer as listenerFor, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Listening = {
  /** The port that it listens on. */
  readonly port: number;
  /** Takes no more calls, lets those under way finish for at most `drainMs`, then closes every connection. */
  stop(): Promise<void>;
};

/** @throws where the port is taken */
export async function listen(
  server: RequestListener,
  { host, port, drainMs }: { readonly host: string; readonly port: number; readonly drainMs: number },
): Promise<Listening> {
  const listener = listenerFor(server);
  // Slower clients than this are none: bodies are small, and an open connection is a place taken.
  Object.assign(listener, { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5_000 });
  listener.listen(port, host);
  await once(listener, 'listening');
  return {
    port: (listener.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => listener.close(resolve));
      listener.closeIdleConnections();
      const drained = await Promise.race([closed.then(() => true), after(drainMs)]);
      if (drained !== true) listener.closeAllConnections();
    },
  };
}

const after = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
