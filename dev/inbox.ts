/**
 * The other end of the stack's webhook, where a company has its pager: a listener on loopback that checks signatures, and
 * keeps what came, with the instant, one JSON object a line in its log.
 */
import { appendFileSync, closeSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { claimPort } from './ports.ts';
import { openLog } from './process-log.ts';
import { messageOf } from './trouble.ts';

export type Received = {
  readonly id: string;
  readonly type: string;
  /** By this machine's clock, epoch ms. */
  readonly receivedAt: number;
  readonly data: Readonly<Record<string, unknown>>;
};

export type Inbox = {
  readonly name: 'inbox';
  /** Oldest first; the newest thousand. */
  readonly received: () => readonly Received[];
  readonly stop: () => Promise<void>;
};

export type InboxOptions = {
  readonly port: number;
  /** `whsec_` and base64. */
  readonly secret: string;
  readonly logFile: string;
};

const mostKept = 1_000;
const longestBody = 1_048_576;
const message = z.object({ type: z.string(), data: z.record(z.string(), z.unknown()) });

/** @throws Trouble where somebody else listens on the port */
export async function startInbox({ port, secret, logFile }: InboxOptions): Promise<Inbox> {
  await claimPort(port, 'the inbox');
  const verifier = new Webhook(secret);
  const kept: Received[] = [];
  const log = openLog(logFile);
  const take = async (request: IncomingMessage): Promise<void> => {
    const body = await textOf(request);
    const id = String(request.headers['webhook-id']);
    const { type, data } = message.parse(verifier.verify(body, headersOf(request)));
    const one = { id, type, receivedAt: Date.now(), data };
    kept.push(one);
    if (kept.length > mostKept) kept.shift();
    appendFileSync(log, `${JSON.stringify(one)}\n`);
  };
  const server = createServer((request, response) => {
    take(request).then(
      () => response.writeHead(204).end(),
      (error: unknown) => {
        appendFileSync(log, `${JSON.stringify({ refused: messageOf(error) })}\n`);
        response.writeHead(401).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  }).catch((error: unknown) => {
    closeSync(log);
    throw error;
  });
  let stopped: Promise<void> | undefined;
  return {
    name: 'inbox',
    received: () => [...kept],
    stop: () => (stopped ??= stop(server, log)),
  };
}

async function stop(server: Server, log: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
  closeSync(log);
}

const headersOf = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, String(headers[name])]),
  );

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > longestBody) throw new Error('a message of more than 1 MiB');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
