import type { Login } from './claim.ts';

/** The login on one of its databases. */
export type Place = Login & { readonly database: string };

/** Single quotes around everything: none of these values holds one, and a shell that expands nothing gets it right. */
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export const psqlWords = ({ host, port, role, database }: Place): readonly string[] => [
  '--host',
  host,
  '--port',
  String(port),
  '--username',
  role,
  '--dbname',
  database,
];

/** A line to paste: without the password, which psql asks for. */
export const psqlLine = (place: Place): string =>
  `psql "host=${place.host} port=${place.port} dbname=${place.database} user=${place.role}"`;

export const exportLines = (place: Place): string =>
  [
    ['PGHOST', place.host],
    ['PGPORT', String(place.port)],
    ['PGDATABASE', place.database],
    ['PGUSER', place.role],
    ['PGPASSWORD', place.password],
  ]
    .map(([name, value]) => `export ${name}=${quoted(value ?? '')}\n`)
    .join('');

export function urlOf({ host, port, role, database, password }: Place): string {
  const named = host.includes(':') ? `[${host}]` : host;
  return `postgresql://${role}:${encodeURIComponent(password)}@${named}:${port}/${encodeURIComponent(database)}`;
}
