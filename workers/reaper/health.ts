import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What one loop last did. `lastSuccessAt`: epoch ms; null: never since the process started. */
export type Pulse = {
  readonly name: string;
  readonly startedAt: number;
  readonly lastSuccessAt: number | null;
  readonly lastError: string | null;
};

/** A cluster without a finished round for this long is not looked after. */
export const staleMs = 10_000;

export type Health = {
  readonly ok: boolean;
  readonly targets: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly lastSuccessAt: number | null;
    readonly ageMs: number;
    readonly lastError: string | null;
  }[];
};

/** A loop that never finished a round is as old as the process. */
export function healthOf(pulses: readonly Pulse[], now: number): Health {
  const targets = pulses.map(({ name, startedAt, lastSuccessAt, lastError }) => {
    const ageMs = Math.max(0, now - (lastSuccessAt ?? startedAt));
    return { name, ok: lastSuccessAt !== null && ageMs <= staleMs, lastSuccessAt, ageMs, lastError };
  });
  return { ok: targets.every((target) => target.ok), targets };
}

export type HealthServer = { readonly port: number; close(): Promise<void> };

/**
 * Serves `GET /healthz`: 200 while every cluster is looked after, else 503; the body says which is not, and why.
 * @throws the socket's error when the port cannot be had
 */
export async function serveHealth(host: string, port: number, health: () => Health): Promise<HealthServer> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/healthz') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /healthz\n');
      return;
    }
    const now = health();
    response.writeHead(now.ok ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(`${JSON.stringify(now)}\n`);
  });
  server.requestTimeout = 5_000;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
