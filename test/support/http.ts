/** The API's HTTP surface on a free port, over a company's use cases. */
import { once } from 'node:events';
import { createServer as listenerFor } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Router } from 'express';
import { createServer, type ServerParts } from '../../api/server.ts';
import { hrUseCases } from '../../service/deliver.ts';
import type { Company } from './company.ts';

export type TestApi = {
  readonly origin: string;
  /** Lines of the log, as JSON. */
  readonly logged: readonly string[];
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  end(): Promise<void>;
};

export async function serve(
  company: Company,
  secrets: readonly string[],
  parts: Partial<ServerParts> = {},
): Promise<TestApi> {
  const logged: string[] = [];
  const note = (fields: object, message: string): void => void logged.push(JSON.stringify({ ...fields, message }));
  const log = { info: note, warn: note, error: note };
  const hr = secrets.length === 0 ? {} : { hr: { secrets, useCases: hrUseCases({ ...company.ctx, log }) } };
  const app = createServer({
    useCases: company.use,
    ...hr,
    needs: { store: () => company.ctx.store.query('select 1') },
    clock: () => company.now,
    log,
    ...parts,
  });
  const listener = listenerFor(app);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const origin = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return {
    origin,
    logged,
    post: (path, body, headers = {}) =>
      fetch(`${origin}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    end: async () => {
      listener.closeAllConnections();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** A router that answers one path with what of the body it could still read itself: what Slack's receiver needs. */
export function rawReader(path: string): Router {
  const router = Router();
  router.post(path, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.send(Buffer.concat(chunks)));
  });
  return router;
}
