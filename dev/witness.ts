/**
 * The other end of the stack's second witness: an endpoint on loopback that keeps what is PUT under a name, never lets go
 * of it, and answers with the newest. The first one is a folder.
 */
import { mkdirSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { claimPort } from './ports.ts';

export type WitnessServer = { readonly name: 'witness'; readonly stop: () => Promise<void> };

export type WitnessServerOptions = {
  readonly port: number;
  /** What a caller must bear. */
  readonly token: string;
  readonly folder: string;
};

const note = /^\/\d{6}-\d{16}\.note$/;
const longestNote = 65_536;

/** @throws Trouble where somebody else listens on the port */
export async function startWitness({ port, token, folder }: WitnessServerOptions): Promise<WitnessServer> {
  await claimPort(port, 'the witness');
  mkdirSync(folder, { recursive: true });
  const server = createServer((request, response) => {
    answer(request, token, folder).then(
      ({ status, body = '' }) => response.writeHead(status).end(body),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name: 'witness',
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Answer = { readonly status: number; readonly body?: string };

async function answer(request: IncomingMessage, token: string, folder: string): Promise<Answer> {
  const path = request.url ?? '';
  const body = await textOf(request);
  if (request.headers.authorization !== `Bearer ${token}`) return { status: 401 };
  if (request.method === 'GET' && path === '/newest') {
    const newest = (await readdir(folder)).toSorted().at(-1);
    return newest === undefined ? { status: 404 } : { status: 200, body: await readFile(join(folder, newest), 'utf8') };
  }
  if (request.method !== 'PUT' || !note.test(path) || body === undefined) return { status: 400 };
  try {
    await writeFile(join(folder, path.slice(1)), body, { flag: 'wx', flush: true });
    return { status: 201 };
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === 'EEXIST') return { status: 412 };
    throw error;
  }
}

async function textOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= longestNote) chunks.push(chunk);
  }
  return length > longestNote ? undefined : Buffer.concat(chunks).toString('utf8');
}
