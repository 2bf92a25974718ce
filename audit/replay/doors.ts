/**
 * What Node's permission model (https://nodejs.org/docs/latest-v24.x/api/permissions.html) leaves open and a replay does
 * not need: the network, signals, native libraries, other modules. Workflow code runs in a context of `node:vm`, which is
 * no fence by itself: one object of the outer realm is enough to get out of it, and to `process`.
 *
 * NB. These are doors of one process, closed by that process. The wall is the system's (`walls.ts`); where there is none,
 * as on other systems than Linux, these are all there is.
 */
import { registerHooks } from 'node:module';
import { Server, Socket } from 'node:net';

const ofProcess = [
  'binding',
  '_linkedBinding',
  'getBuiltinModule',
  'dlopen',
  'execve',
  'kill',
  '_kill',
  '_debugProcess',
  '_debugEnd',
  '_getActiveHandles',
  '_getActiveRequests',
  'chdir',
  'setuid',
  'seteuid',
  'setgid',
  'setegid',
  'setgroups',
  'initgroups',
  'loadEnvFile',
] as const;
const ofGlobal = ['fetch', 'WebSocket', 'EventSource', 'Request', 'Response'] as const;
/** With pipes for streams each of them is a socket, and its constructor makes others. */
const streams = ['stdin', 'stdout', 'stderr'] as const;

const closed = (name: string) => (): never => {
  throw Object.assign(new Error(`${name} is not there for a replay`), { code: 'ERR_ACCESS_DENIED' });
};

/** Once, when all that is needed is loaded, and before anything is that came from elsewhere. There is no way back. */
export function closeDoors(): void {
  registerHooks({ resolve: closed('another module') });
  for (const name of ofProcess) shut(process, name, closed(`process.${name}`));
  for (const name of ofGlobal) shut(globalThis, name, undefined);
  for (const name of streams) shut(process, name, undefined);
  for (const name of ['connect', 'listen'] as const)
    for (const { prototype } of [Socket, Server]) shut(prototype, name, closed(name));
}

const shut = (owner: object, name: string, value: unknown): void => {
  Object.defineProperty(owner, name, { value, writable: false, configurable: false });
};
