import { isIP } from 'node:net';
import type { Request } from 'express';

/** An IPv4 address as itself, also where it came over IPv6; what is none is not repeated: a proxy may pass on anything. */
export function addressOf({ ip = '' }: Pick<Request, 'ip'>): string {
  const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) === 0 ? 'unknown' : plain;
}
