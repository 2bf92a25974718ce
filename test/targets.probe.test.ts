import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probe, probeAll } from '../targets/postgres/probe.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';

const role = 'cfw_0123456789abcdef0123456789abcdef';
const hba = ['trust', 'password', 'md5', 'reject', 'scram-sha-256']
  .map((method) => `host ${method.replaceAll('-', '_')} /^cfw_ 127.0.0.1/32 ${method}\n`)
  .join('')
  .concat('host all postgres 127.0.0.1/32 scram-sha-256\nhostnossl only_tls all 127.0.0.1/32 reject\n');

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres({ hba });
});
afterAll(async () => {
  await postgres?.stop();
});

const ask = (database: string, port = postgres.port): Promise<unknown> =>
  probe({ name: 'primary', host: '127.0.0.1', port }, { role, database, timeoutMs: 1_000 });

describe('a server that a role would meet with', () => {
  test('scram-sha-256 is fit, though neither role nor database exists', async () => {
    expect(await ask('scram_sha_256')).toEqual({ kind: 'sasl', tls: false });
  });

  test.each([
    ['trust', 'without a password'],
    ['password', 'asks for a clear password'],
    ['reject', '28000'],
    ['no_line_for_it', '28000'],
  ])('%s is refused', async (database, why) => {
    expect(await ask(database)).toEqual({ kind: 'refused', why: expect.stringContaining(why) });
  });

  test('md5 asks for SCRAM all the same, since that is the password’s kind', async () => {
    expect(await ask('md5')).toMatchObject({ kind: 'sasl' });
  });

  test('one bad database or node among good ones is refused', async () => {
    const node = { name: 'primary', host: '127.0.0.1', port: postgres.port };
    expect(await probeAll([node], ['scram_sha_256'], role)).toMatchObject({ kind: 'sasl' });
    expect(await probeAll([node], ['scram_sha_256', 'trust'], role)).toMatchObject({ kind: 'refused' });
    expect(
      await probeAll([node, { name: 'second', host: '127.0.0.1', port: 1 }], ['scram_sha_256'], role),
    ).toMatchObject({ kind: 'unavailable' });
    expect(await probeAll([], [], role)).toMatchObject({ kind: 'unavailable' });
  });
});

describe('a server that is none', () => {
  const servers: Server[] = [];
  afterAll(() => servers.forEach((server) => server.close()));
  /** Listens, and does to each connection what the test says. */
  const listen = (treat: (socket: Socket) => void): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        treat(socket);
      });
      servers.push(server);
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });

  test('a closed port is unavailable', async () =>
    expect(await ask('any', 1)).toEqual({ kind: 'unavailable', why: 'primary: ECONNREFUSED' }));
  test('silence is unavailable after the timeout', async () => {
    const port = await listen(() => undefined);
    const startedAt = performance.now();
    expect(await ask('any', port)).toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });
  test('a hang-up is unavailable', async () =>
    expect(await ask('any', await listen((socket) => socket.end()))).toMatchObject({ kind: 'unavailable' }));
  test('garbage is refused', async () => {
    expect(await ask('any', await listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))).toMatchObject({
      kind: 'refused',
    });
    expect(await ask('any', await listen((socket) => socket.write(Buffer.alloc(64))))).toMatchObject({
      kind: 'refused',
    });
  });
  test('an answer that drips in byte by byte is read whole', async () => {
    const answer = Buffer.concat([
      Buffer.from('R'),
      Buffer.from([0, 0, 0, 23, 0, 0, 0, 10]),
      Buffer.from('SCRAM-SHA-256\0\0'),
    ]);
    const port = await listen((socket) => {
      socket.setNoDelay(true);
      let at = 0;
      const timer = setInterval(() => {
        if (at >= answer.length || socket.destroyed) clearInterval(timer);
        else socket.write(answer.subarray(at, (at += 1)));
      }, 2);
    });
    expect(await ask('any', port)).toEqual({ kind: 'sasl', tls: false });
  });
  test('SASL without SCRAM-SHA-256 is refused', async () => {
    const answer = Buffer.concat([
      Buffer.from('R'),
      Buffer.from([0, 0, 0, 20, 0, 0, 0, 10]),
      Buffer.from('OAUTHBEARER\0'),
    ]);
    expect(await ask('any', await listen((socket) => socket.write(answer)))).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('offer'),
    });
  });
  test('a full or starting server is unavailable, not refused', async () => {
    const body = Buffer.from('SFATAL\0C53300\0Mtoo many\0\0');
    const head = Buffer.alloc(5, 'E');
    head.writeInt32BE(body.length + 4, 1);
    expect(await ask('any', await listen((socket) => socket.write(Buffer.concat([head, body]))))).toMatchObject({
      kind: 'unavailable',
    });
  });
});

const over = (port: number, tls: { ca?: string; serverName?: string }): Promise<unknown> =>
  probe(
    { name: 'primary', host: '127.0.0.1', port, tls: { kind: 'verified', ...tls } },
    { role, database: 'any', timeoutMs: 2_000 },
  );

describe('where TLS is required', () => {
  let folder: string;
  let keys: { key: string; cert: string };
  let tlsServer: Server;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'curfew-test-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=db.test', '-addext', 'subjectAltName=DNS:db.test'];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    );
    keys = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  });
  afterAll(() => {
    tlsServer?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Answers an SSLRequest with S and TLS, and what comes then with a request for SCRAM. */
  const serve = (before = 'S'): Promise<number> =>
    new Promise((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => {
          socket.write(before);
          const secure = new TLSSocket(socket, { isServer: true, ...keys });
          secure.on('error', () => undefined);
          secure.once('data', () =>
            secure.write(
              Buffer.concat([
                Buffer.from('R'),
                Buffer.from([0, 0, 0, 23, 0, 0, 0, 10]),
                Buffer.from('SCRAM-SHA-256\0\0'),
              ]),
            ),
          );
        });
      });
      tlsServer?.close();
      tlsServer = server;
      server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });

  test('a server with the right certificate is fit', async () => {
    expect(await over(await serve(), { ca: keys.cert, serverName: 'db.test' })).toEqual({ kind: 'sasl', tls: true });
  });
  test('an unknown or a wrong certificate is refused', async () => {
    expect(await over(await serve(), { serverName: 'db.test' })).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('TLS'),
    });
    expect(await over(await serve(), { ca: keys.cert, serverName: 'other.test' })).toMatchObject({
      kind: 'refused',
      why: expect.stringContaining('TLS'),
    });
  });
  test('a server without TLS is refused, not spoken to in the clear', async () => {
    expect(await over(postgres.port, {})).toEqual({ kind: 'refused', why: 'the server does not speak TLS' });
    expect(await over(await serve('N'), {})).toMatchObject({ kind: 'refused' });
  });
  test('bytes slipped in before the encryption are refused', async () => {
    expect(await over(await serve('SR'), { ca: keys.cert, serverName: 'db.test' })).toMatchObject({ kind: 'refused' });
  });
});
