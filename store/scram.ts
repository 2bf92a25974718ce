import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * A SCRAM-SHA-256 verifier in PostgreSQL's form (RFC 5802 section 3, RFC 7677), so that the clear password of a login
 * never reaches the server or its log.
 * @throws for a password that is not 16 to 200 printable ASCII characters: SASLprep (RFC 4013) leaves those as they are
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  if (!/^[\x21-\x7e]{16,200}$/.test(password)) {
    throw new Error('a password for a login of the store has 16 to 200 printable ASCII characters and no space');
  }
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const key = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${key('Server Key').toString('base64')}`;
}
