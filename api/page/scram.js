/**
 * Makes a password and its SCRAM-SHA-256 verifier (RFC 5802 section 3, RFC 7677) in the form that PostgreSQL stores:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, base64 throughout.
 *
 * Plain JavaScript on WebCrypto alone, so that the claim page and the command line run the very same file. The
 * password never leaves the place where this runs: only the verifier is sent.
 */

/** PostgreSQL's default (`scram_iterations`). More would be worked through inside CREATE ROLE; fewer is refused. */
export const iterations = 4096;

const text = new TextEncoder();

/** @param {Uint8Array} bytes */
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

/**
 * 192 random bits as 32 letters, digits, `-` and `_`: ASCII, so that SASLprep (RFC 4013) leaves it as it is, and
 * nothing that a shell, a URL or a connection string would have to quote.
 * @returns {string}
 */
export function makePassword() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_');
}

/** @returns {Uint8Array} 16 random bytes */
export const makeSalt = () => crypto.getRandomValues(new Uint8Array(16));

/**
 * @param {string} password printable ASCII
 * @param {Uint8Array} [salt]
 * @returns {Promise<string>}
 * @throws {Error} for a password that SASLprep could change, and where there is no WebCrypto (plain HTTP)
 */
export async function makeVerifier(password, salt = makeSalt()) {
  if (!/^[\x21-\x7e]{1,200}$/.test(password)) throw new Error('a password has 1 to 200 printable ASCII characters');
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new Error('this place has no WebCrypto: it needs https, localhost or 127.0.0.1');
  const given = await subtle.importKey('raw', text.encode(password), 'PBKDF2', false, ['deriveBits']);
  const salted = await subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, given, 256);
  const key = await subtle.importKey('raw', salted, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const clientKey = await subtle.sign('HMAC', key, text.encode('Client Key'));
  const storedKey = new Uint8Array(await subtle.digest('SHA-256', clientKey));
  const serverKey = new Uint8Array(await subtle.sign('HMAC', key, text.encode('Server Key')));
  return `SCRAM-SHA-256$${iterations}:${base64(salt)}$${base64(storedKey)}:${base64(serverKey)}`;
}
