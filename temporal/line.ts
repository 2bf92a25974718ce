import { Client, Connection } from '@temporalio/client';
import { dataConverterFor, readNothing } from './codec.ts';
import type { TemporalSettings } from './connection.ts';

/** What everything that speaks with Temporal has in its hands. It connects with the first call, and again when it is lost. */
export type Line = {
  readonly connection: Connection;
  /** With the codec: for what is said to Workflows, and for what they answer. */
  readonly client: Client;
  /** For lists and descriptions: what somebody put into them is not read. */
  readonly lister: Client;
  /** @throws where it takes longer than `ms` */
  readonly within: <T>(ms: number, work: () => Promise<T>) => Promise<T>;
};

export function openLine(settings: TemporalSettings): Line {
  const { address, namespace, identity, codecKeys } = settings;
  const connection = Connection.lazy({ address, ...secured(settings) });
  return {
    connection,
    client: new Client({ connection, namespace, identity, dataConverter: dataConverterFor(codecKeys) }),
    lister: new Client({ connection, namespace, identity, dataConverter: { payloadCodecs: [readNothing] } }),
    within: (ms, work) => connection.withDeadline(Date.now() + ms, work),
  };
}

/** TLS and API key as the SDK wants them, for clients and for workers. */
export function secured({ tls, apiKey }: Pick<TemporalSettings, 'tls' | 'apiKey'>): {
  tls?: true | { serverRootCACertificate?: Buffer; clientCertPair?: { crt: Buffer; key: Buffer } };
  apiKey?: string;
} {
  const certificates = tls && {
    ...(tls.ca === undefined ? {} : { serverRootCACertificate: tls.ca }),
    ...(tls.client === undefined ? {} : { clientCertPair: { crt: tls.client.cert, key: tls.client.key } }),
  };
  if (apiKey === undefined) return certificates ? { tls: certificates } : {};
  return { apiKey, tls: certificates ?? true };
}
