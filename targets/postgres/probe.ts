import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { tlsOptions, type Node } from './nodes.ts';

/**
 * What a server asks of a stranger. Only `sasl` is fit: PostgreSQL judges VALID UNTIL and the password for password
 * logins alone (P1), so a line that lets the role in by trust, peer, cert or anything else outlives every revoke.
 */
export type Probe =
  | { readonly kind: 'sasl'; readonly tls: boolean }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unavailable'; readonly why: string };

export type ProbeOptions = {
  /** The future login's name, `cfw_` and 32 hex digits: pg_hba.conf is judged by name. It need not exist yet. */
  readonly role: string;
  readonly database: string;
  /** For the whole exchange. */
  readonly timeoutMs?: number;
};

/** Request codes and answers of the frontend/backend protocol 3.0 (PostgreSQL documentation, "Message Formats"). */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const saslAsked = 10;
const otherMethods: Readonly<Record<number, string>> = {
  0: 'lets the role in without a password (trust, peer, ident or cert)',
  2: 'asks for Kerberos',
  3: 'asks for a clear password',
  5: 'asks for MD5',
  7: 'asks for GSSAPI',
  9: 'asks for SSPI',
};
const longestAnswer = 16_384;

/**
 * Starts a login under the role's name without any password, reads the server's one answer and hangs up. Never throws;
 * costs no authentication and no statement.
 */
export async function probe(node: Node, options: ProbeOptions): Promise<Probe> {
  const timeoutMs = options.timeoutMs ?? 3_000;
  const socket = connect({ host: node.host, port: node.port });
  // Errors are taken where they are waited for; one that comes between two waits must not end the process.
  socket.on('error', () => undefined);
  const deadline = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMs);
  try {
    const line = await protect(socket, node);
    line.write(startup(options.role, options.database));
    const answer = judge(await readMessage(line));
    return answer.kind === 'sasl' ? { ...answer, tls: line !== socket } : answer;
  } catch (error) {
    if (error instanceof Unfit) return { kind: 'refused', why: error.message };
    return { kind: 'unavailable', why: error instanceof Error ? `${node.name}: ${codeOf(error)}` : node.name };
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}

/** Probes every node for every database, since pg_hba.conf is each server's own. @returns the first that is not `sasl` */
export async function probeAll(
  nodes: readonly Node[],
  databases: readonly string[],
  role: string,
  timeoutMs?: number,
): Promise<Probe> {
  const rest = timeoutMs === undefined ? {} : { timeoutMs };
  const pairs = nodes.flatMap((node) => databases.map((database) => ({ node, database })));
  const answers = await Promise.all(pairs.map(({ node, database }) => probe(node, { role, database, ...rest })));
  return (
    answers.find((answer) => answer.kind === 'refused') ??
    answers.find((answer) => answer.kind === 'unavailable') ??
    answers[0] ?? { kind: 'unavailable', why: 'no node and no database to probe' }
  );
}

class Unfit extends Error {}

const codeOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

/** Asks for TLS where the node's line has it; a server that has none is refused, not spoken to in the clear. */
async function protect(socket: Socket, node: Node): Promise<Socket | TLSSocket> {
  const tls = tlsOptions(node);
  if (!tls) {
    await once(socket, 'connect');
    return socket;
  }
  await once(socket, 'connect');
  socket.write(sslRequest);
  const answer = await readSome(socket);
  // Anything behind the one letter was sent before encryption by whoever sits between (CVE-2021-23222).
  if (answer.length !== 1 || answer[0] !== 0x53) throw new Unfit('the server does not speak TLS');
  const secure = connectTls({ ...tls, socket });
  secure.on('error', () => undefined);
  await once(secure, 'secureConnect').catch((error: unknown) => {
    throw new Unfit(`TLS: ${error instanceof Error ? codeOf(error) : 'failed'}`);
  });
  return secure;
}

function startup(user: string, database: string): Buffer {
  const text = ['user', user, 'database', database, 'application_name', 'curfew-probe', '', ''].join('\0');
  const body = Buffer.from(text, 'utf8');
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, body]);
}

type Message = { readonly type: string; readonly body: Buffer };

function judge({ type, body }: Message): { kind: 'sasl' } | Exclude<Probe, { kind: 'sasl' }> {
  if (type === 'E') {
    const sqlstate = /(?:^|\0)C([0-9A-Z]{5})\0/.exec(body.toString('latin1'))?.[1] ?? 'an error';
    // 28: pg_hba.conf has no line, or rejects; 3D: no such database. The rest (starting up, full) passes.
    const final = sqlstate.startsWith('28') || sqlstate.startsWith('3D');
    return {
      kind: final ? 'refused' : 'unavailable',
      why: `the server answers ${sqlstate} before it asks for a password`,
    };
  }
  if (type !== 'R' || body.length < 4) return { kind: 'refused', why: 'the server does not speak PostgreSQL 3.0' };
  const method = body.readInt32BE(0);
  if (method !== saslAsked) {
    return { kind: 'refused', why: `the server ${otherMethods[method] ?? `asks for method ${method}`}, not for SCRAM` };
  }
  const mechanisms = body.subarray(4).toString('latin1').split('\0');
  return mechanisms.includes('SCRAM-SHA-256')
    ? { kind: 'sasl' }
    : { kind: 'refused', why: 'the server does not offer SCRAM-SHA-256' };
}

/** Reads the first whole message: one letter, the length with itself in it, the body. */
async function readMessage(socket: Socket): Promise<Message> {
  let read = Buffer.alloc(0);
  for (;;) {
    read = Buffer.concat([read, await readSome(socket)]);
    if (read.length < 5) continue;
    const length = read.readInt32BE(1);
    if (length < 4 || length > longestAnswer) throw new Unfit('the server does not speak PostgreSQL 3.0');
    if (read.length >= 1 + length)
      return { type: String.fromCharCode(read[0] ?? 0), body: read.subarray(5, 1 + length) };
  }
}

function readSome(socket: Socket): Promise<Buffer> {
  return once(socket, 'data') as Promise<Buffer>;
}

/** The first event of that name, or the failure or end of the line, whichever comes. */
function once(socket: Socket, event: 'connect' | 'secureConnect' | 'data'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const done = (act: (value: never) => void) => (value: unknown) => {
      if (event === 'data') socket.pause();
      socket.off(event, onEvent).off('error', onError).off('close', onClose);
      act(value as never);
    };
    const onEvent = done(resolve);
    const onError = done(reject);
    const onClose = done(() => reject(new Error('the server hung up')));
    socket.on(event, onEvent).on('error', onError).on('close', onClose);
    if (event === 'data') socket.resume();
  });
}
