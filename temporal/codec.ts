import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

/** 32 bytes, and the name by which a payload says which key opens it. */
export type CodecKey = { readonly id: string; readonly key: Buffer };

const encoding = 'binary/encrypted';
const cipherName = 'aes-256-gcm';
/** NIST SP 800-38D: a nonce of 96 bits, drawn anew for each payload, and a tag of 128. */
const nonceBytes = 12;
const tagBytes = 16;

const { Payload: wire } = proto.temporal.api.common.v1;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | null | undefined): string => new TextDecoder().decode(data ?? new Uint8Array());

/**
 * AES-256-GCM over whole payloads, metadata included. The first key writes and every key reads, so a key is rotated by
 * putting a new one first, and dropped when no open Workflow and no kept history was written with it.
 *
 * NB. This keeps what is said from whoever can read Temporal's database; it vouches for nothing. A payload that is not
 * encrypted is read as it is, so that an operator may send `revoke` by hand. Nothing is granted on a payload's word:
 * the grant judges what the store says, and the target wants the API's ticket.
 *
 * @throws RangeError where there is no key, two of one id, or one that is not 32 bytes long
 */
export function createCodec(keys: readonly CodecKey[]): PayloadCodec {
  const ring = ringOf(keys);
  const writing = keys[0]?.id ?? '';
  return {
    encode: async (payloads) => payloads.map((payload) => seal(payload, writing, keyOf(ring, writing))),
    decode: async (payloads) =>
      payloads.map((payload) => {
        if (text(payload.metadata?.['encoding']) !== encoding) return payload;
        const id = text(payload.metadata?.['encryption-key-id']);
        return open(payload, id, keyOf(ring, id));
      }),
  };
}

/** What clients and workers share, so that each reads what the other wrote. */
export const dataConverterFor = (keys: readonly CodecKey[]): DataConverter => ({
  payloadCodecs: [createCodec(keys)],
  failureConverterPath,
});

/**
 * For whoever lists Workflows: whoever starts one may give it a memo that nobody can read, and with the codec above one
 * such would keep the whole list from us. Everything is read as nothing, and nothing is written with it.
 */
export const readNothing: PayloadCodec = {
  encode: () => Promise.reject(new TypeError('a list is only read')),
  decode: async (payloads) => payloads.map(() => ({ metadata: { encoding: bytes('binary/null') } })),
};

/** For `bundleWorkflowCode` too: the Workflow makes failures as well. */
export const failureConverterPath = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

function ringOf(keys: readonly CodecKey[]): ReadonlyMap<string, KeyObject> {
  if (keys.length === 0) throw new RangeError('the codec has no key');
  const ring = new Map<string, KeyObject>();
  for (const { id, key } of keys) {
    if (key.byteLength !== 32) throw new RangeError(`the codec's key ${id} is not 32 bytes long`);
    if (id === '' || ring.has(id)) throw new RangeError(`the codec has two keys named ${id}, or one without a name`);
    ring.set(id, createSecretKey(key));
  }
  return ring;
}

function keyOf(ring: ReadonlyMap<string, KeyObject>, id: string): KeyObject {
  const key = ring.get(id);
  if (key) return key;
  const known = [...ring.keys()].join(', ');
  throw new Error(
    `a payload was written with the key ${id}, and this process has only ${known}: add that key after them`,
  );
}

/** The key's name is bound as additional data: a payload cannot be passed off as another key's. */
function seal(payload: Payload, id: string, key: KeyObject): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes }).setAAD(bytes(id));
  const sealed = Buffer.concat([
    nonce,
    cipher.update(wire.encode(payload).finish()),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { metadata: { encoding: bytes(encoding), 'encryption-key-id': bytes(id) }, data: sealed };
}

function open(payload: Payload, id: string, key: KeyObject): Payload {
  const data = payload.data ?? new Uint8Array();
  try {
    const decipher = createDecipheriv(cipherName, key, data.subarray(0, nonceBytes), { authTagLength: tagBytes })
      .setAAD(bytes(id))
      .setAuthTag(data.subarray(-tagBytes));
    return wire.decode(Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]));
  } catch (error) {
    throw new Error(`a payload does not open with the key ${id}: its bytes differ here, or the payload was changed`, {
      cause: error,
    });
  }
}
