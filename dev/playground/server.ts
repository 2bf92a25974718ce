/**
 * The playground: Slack as sample people see it, two side by side, in a browser on this machine. It talks to the
 * emulated workspace and its driver only, and is no part of any production process.
 *
 * Whoever reaches it can act as anybody of the sample company, so it must be out of reach of the web pages that the
 * same browser has open. It listens on 127.0.0.1 alone; a name that somebody rebinds to that address is refused by
 * `Host`; a form or a script of another origin is refused by `Origin` and by the JSON type, which such a page may not
 * send unasked. A token in the address would add nothing against web pages, and would make the one address that a
 * newcomer opens long; other users of this machine are kept from nothing but sample data.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Driver } from '../slack/driver.ts';
import type { Workspace } from '../slack/workspace.ts';
import { claimPort } from '../ports.ts';
import { messageOf } from '../trouble.ts';
import { assetAt } from './assets.ts';
import { deedShape, deeds } from './deeds.ts';
import { liveStreams } from './live.ts';
import { onlookers } from './onlookers.ts';
import type { Company } from './page/shapes.ts';

export type PlaygroundOptions = {
  readonly workspace: Workspace;
  readonly driver: Driver;
  readonly port: number;
  readonly company: Omit<Company, 'names'>;
};

export type Playground = { readonly name: string; readonly url: string; readonly stop: () => Promise<void> };

/** More than any deed is long. */
const bodyLimitBytes = 64 * 1024;

/** `default-src 'none'` leaves only what is named: nothing inline, nothing from elsewhere, no form, no frame. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const;

/** @throws Trouble where somebody else has the port */
export async function startPlayground(options: PlaygroundOptions): Promise<Playground> {
  const { port, driver, company } = options;
  await claimPort(port, 'the playground');
  const live = liveStreams();
  const look = onlookers(options, live.tick);
  const act = deeds({ driver, command: company.command, people: company.people }, look);
  const handle = handler({ ...options, live, look, act });
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, error instanceof Refused ? error.status : 500, { trouble: messageOf(error) });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name: 'playground',
    url: `http://127.0.0.1:${port}/`,
    stop: async () => {
      look.stop();
      live.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'Refused';
    this.status = status;
  }
}

type Parts = PlaygroundOptions & {
  readonly live: ReturnType<typeof liveStreams>;
  readonly look: ReturnType<typeof onlookers>;
  readonly act: ReturnType<typeof deeds>;
};

function handler({ workspace, company, port, live, look, act }: Parts) {
  const handles = new Set(company.people.map((person) => person.handle));
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  const known = (who: unknown): string => {
    if (typeof who === 'string' && handles.has(who)) return who;
    throw new Refused(404, 'nobody here is called so');
  };
  const names = Object.fromEntries([
    ...company.people.map((person) => [person.id, person.name]),
    ...company.channels.map((name) => [workspace.channelId(name), name]),
  ]) as Company['names'];

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { host = '', origin } = request.headers;
    if (!hosts.has(host)) throw new Refused(421, 'the playground is at 127.0.0.1 only');
    const url = new URL(request.url ?? '/', `http://${host}`);
    if (request.method === 'POST') {
      if (origin !== url.origin) throw new Refused(403, 'only the playground itself may act');
      if (request.headers['content-type'] !== 'application/json') throw new Refused(415, 'JSON only');
      if (url.pathname !== '/do') throw new Refused(404, 'nothing is here');
      const { as, deed } = parsed(await bodyOf(request));
      return send(response, 200, await act(known(as), deed));
    }
    if (request.method !== 'GET') throw new Refused(405, 'only GET and POST');
    if (url.pathname === '/company') return send(response, 200, { ...company, names } satisfies Company);
    if (url.pathname === '/see') return send(response, 200, await look.sight(known(url.searchParams.get('as'))));
    if (url.pathname === '/live') return live.open(response);
    const asset = await assetAt(url.pathname);
    if (asset === null) throw new Refused(404, 'nothing is here');
    response.writeHead(200, { 'content-type': asset.type }).end(asset.text);
  };
}

const call = z.strictObject({ as: z.string(), deed: deedShape });

function parsed(body: string): z.infer<typeof call> {
  try {
    return call.parse(JSON.parse(body));
  } catch (error) {
    throw new Refused(400, `not a deed: ${messageOf(error)}`);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyLimitBytes) throw new Refused(413, 'too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
