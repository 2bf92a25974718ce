/** Somebody else's end of a webhook: an HTTP server that keeps what it is told, and can be made to answer otherwise. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export type Received = {
  readonly id: string;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly type: string;
    readonly timestamp?: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
};

export type WebhookReceiver = {
  readonly url: string;
  /** Every attempt, whatever it was answered with; only what one of the secrets signed. */
  readonly received: Received[];
  /** How many came with no good signature. */
  unsigned(): number;
  /** What it answers from now on; 204 where undefined. */
  answer(listener: RequestListener | undefined): void;
  end(): Promise<void>;
};

const taken: RequestListener = (_request, response) => void response.writeHead(204).end();

export async function startReceiver(secrets: readonly string[]): Promise<WebhookReceiver> {
  const received: Received[] = [];
  let unsigned = 0;
  let answer = taken;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString('utf8');
      const { headers } = request;
      if (isSigned(secrets, text, headers)) {
        received.push({ id: String(headers['webhook-id']), text, headers, body: JSON.parse(text) as Received['body'] });
      } else unsigned += 1;
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    unsigned: () => unsigned,
    answer: (listener) => void (answer = listener ?? taken),
    async end() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const isSigned = (secrets: readonly string[], text: string, headers: IncomingHttpHeaders): boolean =>
  secrets.some((secret) => {
    try {
      new Webhook(secret).verify(text, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  });
