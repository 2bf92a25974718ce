import { createServer } from 'node:net';
import { Trouble } from './trouble.ts';

/** True when this machine's loopback lets somebody listen on the port now. */
export const portIsFree = (port: number): Promise<boolean> =>
  listenOnce(port).then(
    (got) => got === port,
    () => false,
  );

/**
 * Distinct ports that were free a moment ago, chosen by the kernel. Somebody may take one before it is used; whoever
 * listens then fails and says so.
 */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  // Held open together, so that the kernel cannot hand out one twice.
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) => listening(server, 0)));
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
};

export const freePort = async (): Promise<number> => {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('the kernel gave no port');
  return port;
};

/** @throws Trouble naming who wanted the port, when somebody else listens on it */
export const claimPort = async (port: number, wantedBy: string): Promise<void> => {
  if (await portIsFree(port)) return;
  throw new Trouble(
    `port ${port} of 127.0.0.1, which ${wantedBy} uses, is taken by another program`,
    `end that program (find it with: lsof -i :${port}), or start over on new ports with: npm start -- --fresh`,
  );
};

const listenOnce = async (port: number): Promise<number> => {
  const server = createServer();
  const got = await listening(server, port);
  await new Promise((closed) => server.close(closed));
  return got;
};

const listening = (server: ReturnType<typeof createServer>, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no address'));
      else resolve(address.port);
    });
  });
