/**
 * Ed25519 keys as C2SP's signed-note and Go's `note` package write them, in one line of text each:
 * a verifier is `NAME+HASH+BASE64`, a signer `PRIVATE+KEY+NAME+HASH+BASE64`. The bytes begin with 0x01 for Ed25519; HASH
 * are the first four bytes of SHA-256 over name, newline and the public bytes, in hex.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { refuse, type Refusal } from '../domain/errors.ts';

/** Checks signatures of one key. `id` is `NAME+HASH`: two keys of one name, as while one is replaced, differ in it. */
export type Verifier = {
  readonly name: string;
  readonly hash: string;
  readonly id: string;
  /** The key in its text form. */
  readonly text: string;
  readonly verify: (message: Uint8Array, signature: Uint8Array) => boolean;
};

/** Makes signatures of one key. The secret stays inside: nothing of it can be printed by accident. */
export type Signer = {
  readonly name: string;
  readonly hash: string;
  readonly id: string;
  /** What others check this signer's notes by. */
  readonly verifier: string;
  readonly sign: (message: Uint8Array) => Buffer;
};

const ed25519 = 1;
/** What stands before the 32 bytes of a key in DER (RFC 8410, sections 4 and 7). */
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Names of keys stand in lines between spaces and plus signs, so they hold neither. */
export const isKeyName = (name: string): boolean =>
  name.length > 0 && name.isWellFormed() && !/[\s\u0085+]/u.test(name) && !/\p{Cc}/u.test(name);

/** The bytes of a base64 text that is written in the one way in which it can be; undefined for any other. */
export function exactBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

const keyHash = (name: string, key: Uint8Array): string =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ed25519), key]), 'hex').slice(0, 8);

const textOf = (name: string, key: Buffer): string =>
  `${name}+${keyHash(name, key)}+${Buffer.concat([Buffer.of(ed25519), key]).toString('base64')}`;

const publicKey = (key: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicPrefix, key]), format: 'der', type: 'spki' });
const privateKey = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: 'der', type: 'pkcs8' });
const publicBytes = (key: KeyObject): Buffer =>
  key.export({ format: 'der', type: 'spki' }).subarray(publicPrefix.byteLength);

type Parts = { readonly name: string; readonly hash: string; readonly key: Buffer };

/** `NAME+HASH+BASE64`, with the base64 itself free to hold plus signs. */
function partsOf(text: string): Parts | undefined {
  const [, name = '', hashed = '', base64 = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) ?? [];
  const bytes = exactBase64(base64);
  if (!isKeyName(name) || bytes?.byteLength !== 33 || bytes[0] !== ed25519) return undefined;
  return { name, hash: hashed, key: bytes.subarray(1) };
}

/** Reads a public key. @returns a refusal (InvalidInput) for anything that is not one whole Ed25519 key */
export function readVerifier(text: string): Verifier | Refusal {
  const parts = partsOf(text);
  if (!parts || keyHash(parts.name, parts.key) !== parts.hash) {
    return refuse('InvalidInput', 'This is no public key of a log: it has the form NAME+HASH+BASE64, on one line.');
  }
  const { name, hash: hashed } = parts;
  const key = publicKey(parts.key);
  return {
    name,
    hash: hashed,
    id: `${name}+${hashed}`,
    text,
    verify: (message, signature) => signature.byteLength === 64 && verify(null, message, key, signature),
  };
}

const privateTag = 'PRIVATE+KEY+';

/** Reads a private key. @returns a refusal (InvalidInput), which shows nothing of the text, for anything else */
export function readSigner(text: string): Signer | Refusal {
  const parts = text.startsWith(privateTag) ? partsOf(text.slice(privateTag.length)) : undefined;
  const key = parts && privateKey(parts.key);
  const open = key && publicBytes(createPublicKey(key));
  if (!parts || !open || keyHash(parts.name, open) !== parts.hash) {
    return refuse('InvalidInput', 'This is no signing key of a log: it has the form PRIVATE+KEY+NAME+HASH+BASE64.');
  }
  const { name, hash: hashed } = parts;
  return {
    name,
    hash: hashed,
    id: `${name}+${hashed}`,
    verifier: textOf(name, open),
    sign: (message) => sign(null, message, key),
  };
}

/**
 * Draws a new key. Shown once, kept outside the database.
 * @throws RangeError for a name that no key can have (empty, with spaces or plus signs)
 */
export function newKey(name: string): { readonly signer: string; readonly verifier: string } {
  if (!isKeyName(name)) throw new RangeError('a name of a key has no spaces and no plus signs');
  const { privateKey: secret, publicKey: open } = generateKeyPairSync('ed25519');
  const seed = secret.export({ format: 'der', type: 'pkcs8' }).subarray(privatePrefix.byteLength);
  const key = publicBytes(open);
  const base64 = Buffer.concat([Buffer.of(ed25519), seed]).toString('base64');
  return { signer: `${privateTag}${name}+${keyHash(name, key)}+${base64}`, verifier: textOf(name, key) };
}
