import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Metrics } from './metrics.ts';

/** A store that did not answer for this long is gone, for whoever looks at the process from outside. */
export const staleMs = 20_000;

export type Health = {
  readonly ok: boolean;
  /** Of the workers of each task queue, as the SDK has it: `RUNNING` once it polls. */
  readonly queues: Readonly<Record<string, string>>;
  /** Epoch ms; null: not since the process started. */
  readonly storeAnsweredAt: number | null;
};

/** Ready: every queue is polled and the store answers. With the store away, revokes still go on. */
export function healthOf(
  queues: Readonly<Record<string, string>>,
  storeAnsweredAt: number | null,
  now: number,
): Health {
  const states = Object.values(queues);
  const polled = states.length > 0 && states.every((state) => state === 'RUNNING');
  return { ok: polled && storeAnsweredAt !== null && now - storeAnsweredAt <= staleMs, queues, storeAnsweredAt };
}

export type HealthServer = { readonly port: number; close(): Promise<void> };

/**
 * Serves `GET /healthz` (200, or 503 and why) and `GET /metrics`.
 * @throws the socket's error when the port cannot be had
 */
export async function serveHealth(
  { host, port }: { readonly host: string; readonly port: number },
  health: () => Health,
  metrics: Metrics,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    request.resume();
    const path = request.method === 'GET' ? request.url?.split('?')[0] : undefined;
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    if (path === '/healthz') {
      const now = health();
      answer(now.ok ? 200 : 503, 'application/json', `${JSON.stringify(now)}\n`);
    } else if (path === '/metrics') {
      metrics.text().then(
        (text) => answer(200, metrics.contentType, text),
        () => answer(500, 'text/plain', 'metrics cannot be collected\n'),
      );
    } else answer(404, 'text/plain', 'GET /healthz or /metrics\n');
  });
  server.requestTimeout = 5_000;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
