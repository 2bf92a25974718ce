/** One verifier for everybody who signs with an HMAC: what is signed and where it stands is configuration. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Signature } from '../directory/spec.ts';
import { secondMs } from '../domain/time.ts';
import { signedBy } from './signed-webhook.ts';

/** What a signature proves. Id and stamp are there only where they are signed, too. */
export type Proven = {
  readonly id?: string;
  /** Epoch ms. */
  readonly stampedAt?: number;
  /** Of all that was signed: the same for a delivery and its replay, and for nothing else. */
  readonly proof: string;
};
/** @returns undefined unless one of the keys made this signature, now: which check failed is nobody's business */
export type Proves = (request: Request, body: Buffer) => Proven | undefined;

/** @throws Error for no key, or a short one: it would let everybody in */
export function provenBy(signature: Signature, clock: () => number): Proves {
  if (signature.kind === 'standard') {
    const verify = signedBy(signature.secrets);
    return (request, body) => {
      const signed = verify(request, body.toString('utf8'));
      return signed && { id: signed.id, stampedAt: signed.stampedAt, proof: proofOf(Buffer.from(signed.id)) };
    };
  }
  if (signature.keys.length === 0 || signature.keys.some((key) => key.length < 16))
    throw new Error('a signed hook needs a secret of at least 16 bytes');
  return (request, body) => holds(signature, request, body, clock());
}

type Hmac = Extract<Signature, { kind: 'hmac' }>;

function holds(signature: Hmac, request: Request, body: Buffer, now: number): Proven | undefined {
  const { keys, header, prefix, algorithm, encoding, timestamp } = signature;
  const id = signature.id === undefined ? '' : (request.get(signature.id) ?? '');
  const stamp = timestamp === undefined ? '' : (request.get(timestamp.header) ?? '');
  const given = request.get(header) ?? '';
  if (signature.id !== undefined && !/^[A-Za-z0-9_-]{1,100}$/.test(id)) return undefined;
  // No zero before it: where id and stamp stand side by side, it could be taken for the id's last, and so be another id.
  if (timestamp && !/^[1-9]\d{0,14}$/.test(stamp)) return undefined;
  if (given.length > 500 || !given.startsWith(prefix)) return undefined;
  const stampedAt = timestamp && Number(stamp) * (timestamp.unit === 's' ? secondMs : 1);
  if (timestamp && Math.abs(now - (stampedAt ?? 0)) > timestamp.toleranceMs) return undefined;
  const content = contentOf(signature.content, { body, timestamp: Buffer.from(stamp), id: Buffer.from(id) });
  const made = bytesOf(given.slice(prefix.length), encoding);
  // Each key is tried, whichever holds: how long it takes tells nothing.
  const held = keys.filter((key) => equal(createHmac(algorithm, key).update(content).digest(), made));
  if (held.length === 0) return undefined;
  return {
    ...(signature.id === undefined ? {} : { id }),
    ...(stampedAt === undefined ? {} : { stampedAt }),
    proof: proofOf(content),
  };
}

/** NB. Bytes, and not text: what is not UTF-8 would be signed as one thing and verified as another. */
function contentOf(template: string, parts: Readonly<Record<string, Buffer>>): Buffer {
  const pieces = template.split(/\{(\w+)\}/);
  return Buffer.concat(
    pieces.map((piece, index) => (index % 2 === 0 ? Buffer.from(piece) : (parts[piece] ?? Buffer.alloc(0)))),
  );
}

function bytesOf(text: string, encoding: 'hex' | 'base64'): Buffer {
  const form = encoding === 'hex' ? /^(?:[0-9a-fA-F]{2})+$/ : /^[A-Za-z0-9+/]+={0,2}$/;
  return form.test(text) ? Buffer.from(text, encoding) : Buffer.alloc(0);
}

const equal = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);

const proofOf = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
