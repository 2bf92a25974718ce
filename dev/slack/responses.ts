import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { parseJson } from './calls.ts';

/** One use of a `response_url`: what `respond()` sent. */
export type Response = {
  /** Whose click or command the address was given to. */
  readonly userId: string;
  /** Where it was, by id: an ephemeral answer is seen there. */
  readonly channel: string;
  readonly at: number;
  readonly message: Readonly<Record<string, unknown>>;
  /** 200, or 404 where Slack would not take it any more. */
  readonly status: number;
};

export type ResponseListener = {
  /** A fresh address, good for five uses within 30 minutes, as Slack's are. */
  readonly addressFor: (userId: string, channel: string) => string;
  readonly all: () => readonly Response[];
  readonly onResponse: (listener: (response: Response) => void) => () => void;
  readonly stop: () => Promise<void>;
};

const uses = 5;
const lifeMs = 30 * 60_000;
const keptResponses = 5_000;

export const startResponseListener = async (): Promise<ResponseListener> => {
  const addresses = new Map<string, { userId: string; channel: string; left: number; until: number }>();
  const responses: Response[] = [];
  const listeners = new Set<(response: Response) => void>();

  const take = (path: string, body: string): number => {
    const address = addresses.get(path);
    if (address === undefined) return 404;
    const status = address.left > 0 && Date.now() < address.until ? 200 : 404;
    address.left -= 1;
    const parsed = parseJson(body);
    const message =
      typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : { text: body };
    const response = { userId: address.userId, channel: address.channel, at: Date.now(), message, status };
    responses.push(response);
    if (responses.length > keptResponses) responses.shift();
    for (const listener of listeners) listener(response);
    return status;
  };

  const server = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const status = take(request.url ?? '', Buffer.concat(chunks).toString('utf8'));
      reply.writeHead(status, { 'content-type': 'text/plain' }).end(status === 200 ? 'ok' : 'expired_url');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    addressFor: (userId, channel) => {
      const path = `/actions/${randomUUID()}`;
      addresses.set(path, { userId, channel, left: uses, until: Date.now() + lifeMs });
      return `http://127.0.0.1:${port}${path}`;
    },
    all: () => [...responses],
    onResponse: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
};
