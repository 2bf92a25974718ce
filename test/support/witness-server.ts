/** A witness over HTTP as `docs` asks for it: keeps what is PUT, never lets go of it, and answers the last name. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type WitnessServer = {
  readonly address: string;
  readonly notes: Map<string, string>;
  /** What it answers to everything meanwhile; undefined: as it should. */
  broken: number | undefined;
  end(): Promise<void>;
};

const answering =
  (response: ServerResponse) =>
  (status: number, body = ''): void =>
    void response.writeHead(status).end(body);

export async function startWitnessServer(token: string): Promise<WitnessServer> {
  const notes = new Map<string, string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const answer = answering(response);
      if (witness.broken !== undefined) return answer(witness.broken);
      if (request.headers.authorization !== `Bearer ${token}`) return answer(401);
      const name = (request.url ?? '').slice('/log/'.length);
      if (request.method === 'GET' && name === 'newest') {
        const newest = [...notes.keys()].toSorted().at(-1);
        return newest === undefined ? answer(404) : answer(200, notes.get(newest));
      }
      if (request.method !== 'PUT') return answer(405);
      if (notes.has(name)) return answer(412);
      notes.set(name, Buffer.concat(chunks).toString('utf8'));
      answer(201);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const witness: WitnessServer = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/log/`,
    notes,
    broken: undefined,
    end: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return witness;
}
