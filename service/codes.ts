/**
 * One-time codes of the claim: 128 random bits in Crockford's base32 (crockford.com/base32.html), in groups, so that a
 * person can read one out or type one. The store has a code's SHA-256 and nothing else of it; 128 random bits need no
 * salt and no slow hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import { minuteMs } from '../domain/time.ts';

export const codeLifeMs = 15 * minuteMs;

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const bytesInCode = 16;
/** 26 digits of 5 bits: the first one carries 3 bits. */
const digitsInCode = 26;

export type NewCode = { readonly shown: string; readonly hash: Buffer };

export function makeCode(bytes: Uint8Array = randomBytes(bytesInCode)): NewCode {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let place = 0; place < digitsInCode; place += 1) {
    text = `${digits[Number(rest & 31n)]}${text}`;
    rest >>= 5n;
  }
  return { shown: text.replace(/^(.{5})(.{5})(.{5})(.{5})(.{6})$/, '$1-$2-$3-$4-$5'), hash: hashOf(bytes) };
}

/**
 * The hash under which the store has a code. Forgives what Crockford's form forgives: small letters, hyphens and
 * spaces, O for 0, I and L for 1.
 * @returns undefined for what cannot be a code
 */
export function hashOfCode(shown: string): Buffer | undefined {
  if (shown.length > 100) return undefined;
  const text = shown.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  if (text.length !== digitsInCode) return undefined;
  let value = 0n;
  for (const letter of text) {
    const digit = digits.indexOf(letter);
    if (digit < 0) return undefined;
    value = (value << 5n) | BigInt(digit);
  }
  const hex = value.toString(16).padStart(bytesInCode * 2, '0');
  return hex.length === bytesInCode * 2 ? hashOf(Buffer.from(hex, 'hex')) : undefined;
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update('curfew-code-1\n').update(bytes).digest();
