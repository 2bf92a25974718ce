import { createServer } from 'node:net';
import { Trouble } from './trouble.ts';

/** True when this machine's loopback lets somebody listen on the port now. */
export const portIsFree = (port: number): Promise<boolean> =>
  listenOnce(port).then(
    (got) => got === port,
    () => false,
  );

/**
 * Below what kernels hand out to connections that go out (32,768 and up on Linux, 49,152 elsewhere), so that none of
 * those takes a port between its drawing, or the last run, and the moment in which somebody listens on it.
 */
const lowest = 20_000;
const highest = 31_999;
/** Processes that draw at the same time begin at different places. */
let last = lowest + ((process.pid * 41) % (highest - lowest));

/**
 * Distinct ports that were free a moment ago. Somebody may take one before it is used; whoever listens then fails and
 * says so.
 */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const ports: number[] = [];
  for (let tried = lowest; ports.length < count && tried <= highest; tried += 1) {
    last = last < highest ? last + 1 : lowest;
    if (await portIsFree(last)) ports.push(last);
  }
  if (ports.length < count) throw new Error(`fewer than ${count} ports from ${lowest} to ${highest} are free`);
  return ports;
};

export const freePort = async (): Promise<number> => {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no port was drawn');
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
