/** Bearer tokens of SCIM: 256 random bits. The store has the SHA-256; random bits need no salt and no slow hash. */
import { createHash, randomBytes } from 'node:crypto';

const prefix = 'cfs_';
const form = /^cfs_([A-Za-z0-9_-]{43})$/;

/** `shown` is a secret, printed once. */
export function makeToken(bytes: Uint8Array = randomBytes(32)): { readonly shown: string; readonly hash: Buffer } {
  return { shown: `${prefix}${Buffer.from(bytes).toString('base64url')}`, hash: hashOf(bytes) };
}

/** @returns undefined for what cannot be a token, so that nobody makes the store look for it */
export function hashOfToken(shown: string): Buffer | undefined {
  const [, text] = form.exec(shown) ?? [];
  const bytes = text === undefined ? undefined : Buffer.from(text, 'base64url');
  return bytes?.length === 32 ? hashOf(bytes) : undefined;
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update('curfew-scim-1\n').update(bytes).digest();
