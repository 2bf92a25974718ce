import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nthRun, wholeCall } from '../dev/faults/call-watch.ts';
import { openProxy, type Proxy } from '../dev/faults/proxy.ts';
import { eventually } from './support/eventually.ts';

let server: Server;
let proxy: Proxy;
/** Everything that the server was sent, in order. */
let heard: string;
let accepted: Socket[];
/** Says everything back, in capitals. */
beforeEach(async () => {
  heard = '';
  accepted = [];
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      socket.write(chunk.toString().toUpperCase());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await openProxy({ to: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } });
});
afterEach(async () => {
  await proxy.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

type Caller = { readonly socket: Socket; text: string; runs: number; ended: string | undefined };

async function call(): Promise<Caller> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, noDelay: true });
  const caller: Caller = { socket, text: '', runs: 0, ended: undefined };
  socket.on('data', (chunk: Buffer) => {
    caller.text += chunk.toString();
    caller.runs += 1;
  });
  socket.on('error', (error: NodeJS.ErrnoException) => (caller.ended = error.code ?? 'error'));
  socket.on('close', () => (caller.ended ??= 'closed'));
  await once(socket, 'connect');
  return caller;
}
const answered = (caller: Caller, text: string) => eventually(`it hears ${text}`, () => caller.text === text);
const ended = (caller: Caller) => eventually('its line is over', () => caller.ended);

test('an honest line passes everything both ways, and its end', async () => {
  const caller = await call();
  caller.socket.write('hello');
  await answered(caller, 'HELLO');
  caller.socket.end();
  expect(await ended(caller)).toBe('closed');
  await eventually('nothing stays open', () => proxy.open() === 0);
});

test('a held line keeps what is sent, and lets it go on in order', async () => {
  const caller = await call();
  caller.socket.write('a');
  await answered(caller, 'A');
  proxy.hold();
  caller.socket.write('b');
  const other = await call();
  other.socket.write('x');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toBe('a');
  proxy.restore();
  caller.socket.write('c');
  await answered(caller, 'ABC');
  await answered(other, 'X');
});

test('a black hole answers nobody, and ends what it robbed when it is closed', async () => {
  const caller = await call();
  proxy.blackhole();
  caller.socket.write('lost');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([heard, caller.ended]).toEqual(['', undefined]);
  proxy.restore();
  await ended(caller);
  const next = await call();
  next.socket.write('there');
  await answered(next, 'THERE');
});

test('a reset line resets what is open and whoever comes; a cut one lets the next in', async () => {
  const [first, second] = [await call(), await call()];
  first.socket.write('a');
  await answered(first, 'A');
  proxy.reset();
  expect(await ended(first)).toBe('ECONNRESET');
  await ended(second);
  const third = connect({ host: '127.0.0.1', port: proxy.port });
  const [error] = (await once(third, 'close').catch((thrown: unknown) => [thrown])) as [unknown];
  expect(error === true || error instanceof Error).toBe(true);
  proxy.restore();
  const fourth = await call();
  proxy.cut();
  await ended(fourth);
  const fifth = await call();
  fifth.socket.write('b');
  await answered(fifth, 'B');
});

test('a slow line is slow both ways, and keeps the order', async () => {
  const caller = await call();
  proxy.delay(120);
  const startedAt = performance.now();
  caller.socket.write('a');
  caller.socket.write('b');
  await answered(caller, 'AB');
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(235);
});

test('a dripping line gives one byte at a time', async () => {
  const caller = await call();
  proxy.dribble();
  caller.socket.write('drop by drop');
  await answered(caller, 'DROP BY DROP');
  expect(caller.runs).toBeGreaterThan(1);
});

test('a line is cut when the call was handed over whole, once: the server has it and nobody hears so (P26)', async () => {
  const caller = await call();
  const cut = proxy.cutAfter(wholeCall('commit'));
  caller.socket.write('begin\0');
  await answered(caller, 'BEGIN\0');
  caller.socket.write('com');
  caller.socket.write('mit');
  await eventually('the half is there', () => heard.endsWith('mit'));
  expect(caller.ended).toBeUndefined();
  caller.socket.write(Buffer.from('S\0\0\0\x04', 'latin1'));
  await cut;
  await ended(caller);
  await eventually('the server has it', () => heard.endsWith('S\0\0\0\x04'));
  expect(caller.text).not.toContain('S\0\0\0\x04');
  const next = await call();
  next.socket.write('commit\0');
  await answered(next, 'COMMIT\0');
});

test.each(['before', 'after'] as const)('a line is held %s the n-th run of bytes', async (when) => {
  const caller = await call();
  const held = proxy.holdAt(nthRun(2), when);
  caller.socket.write('one ');
  await answered(caller, 'ONE ');
  caller.socket.write('two ');
  await held;
  caller.socket.write('three');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([heard, caller.text]).toEqual([when === 'before' ? 'one ' : 'one two ', 'ONE ']);
  proxy.restore();
  await answered(caller, 'ONE TWO THREE');
});
