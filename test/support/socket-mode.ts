/**
 * Slack's side of Socket Mode, small: `apps.connections.open`, and a WebSocket (RFC 6455) that sends envelopes and
 * keeps what comes back. Text frames, pings and closes only; nothing is fragmented.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type SocketSlack = {
  /** Slack's Web API, ends with a slash. */
  readonly apiUrl: string;
  /** Resolves when the app has connected. */
  readonly connected: Promise<void>;
  /** How often the app has connected. */
  connections(): number;
  /** Drops every connection without a word, as a network does. */
  drop(): void;
  /** Sends an envelope and waits for what the app answers to it. */
  send(envelope: {
    readonly envelope_id: string;
    readonly [key: string]: unknown;
  }): Promise<{ readonly payload?: unknown }>;
  end(): Promise<void>;
};

const handshakeGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const opText = 1;
const opClose = 8;
const opPing = 9;
const opPong = 10;

export async function startSocketSlack(): Promise<SocketSlack> {
  const waiting = new Map<string, (answer: { payload?: unknown }) => void>();
  const sockets = new Set<Socket>();
  let connections = 0;
  let opened: (() => void) | undefined;
  const connected = new Promise<void>((resolve) => {
    opened = resolve;
  });

  const server = createServer((request, response) => {
    request.resume();
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/link`;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ ok: true, url }));
  });
  server.on('upgrade', (request, socket: Socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}${handshakeGuid}`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.write(frame(opText, JSON.stringify({ type: 'hello', num_connections: 1 })));
    let rest = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let read = unframe(rest); read; read = unframe(rest)) {
        rest = rest.subarray(read.length);
        if (read.op === opPing) socket.write(frame(opPong, read.data));
        if (read.op === opClose) socket.end(frame(opClose, read.data));
        if (read.op !== opText) continue;
        const answer = JSON.parse(read.data.toString()) as { envelope_id: string; payload?: unknown };
        waiting.get(answer.envelope_id)?.(answer);
      }
    });
    opened?.();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
    connected,
    connections: () => connections,
    drop() {
      for (const socket of sockets) socket.destroy();
    },
    send: (envelope) =>
      new Promise((resolve) => {
        waiting.set(envelope.envelope_id, resolve);
        for (const socket of sockets) socket.write(frame(opText, JSON.stringify(envelope)));
      }),
    async end() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** From the server: not masked. Up to 65,535 bytes. */
function frame(op: number, data: string | Buffer): Buffer {
  const body = Buffer.from(data);
  const head =
    body.length < 126
      ? Buffer.from([0x80 | op, body.length])
      : Buffer.from([0x80 | op, 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
}

/** One frame of the client's, which are masked; undefined until it is whole. */
function unframe(bytes: Buffer): { readonly op: number; readonly data: Buffer; readonly length: number } | undefined {
  if (bytes.length < 6) return undefined;
  const short = (bytes[1] ?? 0) & 127;
  const at = short === 126 ? 4 : 2;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < at + 4 + size) return undefined;
  const mask = bytes.subarray(at, at + 4);
  const data = Buffer.from(bytes.subarray(at + 4, at + 4 + size).map((byte, index) => byte ^ (mask[index % 4] ?? 0)));
  return { op: (bytes[0] ?? 0) & 15, data, length: at + 4 + size };
}
