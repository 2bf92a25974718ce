import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** Bytes, decoded from a `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>` (RFC 5803, PostgreSQL's form). */
export type Verifier = {
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
};

/**
 * The same rule as `curfew.grant` in sql/install.sql (CF002), so that a bad verifier is refused before the network:
 * 4,096 to 19,999 iterations (fewer lock nobody out, more would run inside CREATE ROLE), a salt of 16 to 66 bytes,
 * strict base64. What PostgreSQL does not recognise as a verifier it takes for a clear password.
 */
const pattern =
  /^SCRAM-SHA-256\$(409[6-9]|4[1-9][0-9]{2}|[5-9][0-9]{3}|1[0-9]{4}):((?:[A-Za-z0-9+/]{4}){5,21}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4}))\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** @returns undefined for anything that the target would refuse */
export function parseVerifier(text: string): Verifier | undefined {
  const found = text.length <= 300 ? pattern.exec(text) : null;
  if (!found) return undefined;
  const [, iterations = '', salt = '', storedKey = '', serverKey = ''] = found;
  return {
    iterations: Number(iterations),
    salt: Buffer.from(salt, 'base64'),
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}

export const isVerifier = (text: string): boolean => parseVerifier(text) !== undefined;

/**
 * Makes a verifier from a password (RFC 5802 section 3), for Curfew's own logins, so that their clear passwords never
 * reach a server or its log. Only printable ASCII: SASLprep (RFC 4013) leaves that as it is.
 */
export function makeVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  if (!/^[\x21-\x7e]{16,200}$/.test(password)) {
    throw new Error('a password for a Curfew login has 16 to 200 printable ASCII characters and no space');
  }
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
