/** How a process reaches Temporal, and the keys with which it writes and reads payloads there. */
import { hostAndPort, listOf, namedKey, pem, word, type NamedKey } from './forms.ts';
import { defaulted, optional, required, type Problem, type Values } from './field.ts';

export const temporalShape = {
  CURFEW_TEMPORAL_ADDRESS: required(hostAndPort, {
    what: 'Temporal frontend, host:port',
    mend: 'Set it to host:port of the Temporal frontend, e.g. temporal.internal:7233.',
  }),
  CURFEW_TEMPORAL_NAMESPACE: defaulted(word, 'curfew', {
    what: 'Temporal namespace',
    mend: 'Set it to the name of an existing namespace.',
  }),
  CURFEW_TEMPORAL_API_KEY: optional(word, {
    what: 'API key for Temporal Cloud; turns TLS on',
    mend: 'Set it to the key as Temporal Cloud shows it, or unset it.',
  }),
  CURFEW_TEMPORAL_TLS_CA: optional(pem, {
    what: 'certificate authority of the frontend, PEM or @/path; turns TLS on',
    mend: 'Set it to PEM text or @/path of a PEM file.',
  }),
  CURFEW_TEMPORAL_TLS_CERT: optional(pem, {
    what: 'client certificate, PEM or @/path',
    mend: 'Set it, together with CURFEW_TEMPORAL_TLS_KEY, to PEM text or @/path of a PEM file.',
  }),
  CURFEW_TEMPORAL_TLS_KEY: optional(pem, {
    what: 'key of the client certificate, PEM or @/path',
    mend: 'Set it, together with CURFEW_TEMPORAL_TLS_CERT, to PEM text or @/path of a PEM file.',
  }),
  CURFEW_CODEC_KEYS: required(listOf(namedKey(32)), {
    what: 'AES-256 keys of payloads, id:base64, comma-separated; the first one writes, all read',
    mend: 'Set it to id:base64 of 32 random bytes; to rotate, put the new key first and keep the old ones.',
  }),
} as const;

export type TemporalConfig = {
  readonly address: string;
  readonly namespace: string;
  readonly apiKey?: string;
  readonly tls?: { readonly ca?: Buffer; readonly client?: { readonly cert: Buffer; readonly key: Buffer } };
  readonly codecKeys: readonly NamedKey[];
};

/** The connection out of its variables; certificate and key come together or not at all. */
export function temporalOf(
  values: Values<typeof temporalShape>,
): TemporalConfig | { readonly problems: readonly Problem[] } {
  const { CURFEW_TEMPORAL_TLS_CA: ca, CURFEW_TEMPORAL_TLS_CERT: cert, CURFEW_TEMPORAL_TLS_KEY: key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    const variable = cert === undefined ? 'CURFEW_TEMPORAL_TLS_CERT' : 'CURFEW_TEMPORAL_TLS_KEY';
    return {
      problems: [{ variable, wrong: 'is not set while its other half is', mend: temporalShape[variable].mend }],
    };
  }
  const ids = values.CURFEW_CODEC_KEYS.map((each) => each.id);
  if (new Set(ids).size < ids.length) {
    return {
      problems: [
        { variable: 'CURFEW_CODEC_KEYS', wrong: 'has two keys of one id', mend: 'Give each key an id of its own.' },
      ],
    };
  }
  const client = cert && key ? { client: { cert, key } } : {};
  const secured = ca !== undefined || cert !== undefined;
  return {
    address: values.CURFEW_TEMPORAL_ADDRESS,
    namespace: values.CURFEW_TEMPORAL_NAMESPACE,
    codecKeys: values.CURFEW_CODEC_KEYS,
    ...(values.CURFEW_TEMPORAL_API_KEY === undefined ? {} : { apiKey: values.CURFEW_TEMPORAL_API_KEY }),
    ...(secured ? { tls: { ...(ca === undefined ? {} : { ca }), ...client } } : {}),
  };
}
