/**
 * Logs: pino JSON, one object a line, with the ids by which lines are joined. Secrets are taken out twice: by the name
 * of the field, and by their form in any text, because an error's message is written by whoever threw it.
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './process.ts';

export type Log = Logger;

const secretNames = [
  'password',
  'verifier',
  'ticket',
  'mac',
  'secret',
  'token',
  'authorization',
  'code',
  'signingSecret',
  'botToken',
  'appToken',
  'key',
  'url',
  'connectionString',
  'cookie',
];
/** `err.code` is a name such as ECONNREFUSED, so `code` is hidden only where a claim's code would stand. */
const redacted = secretNames
  .filter((name) => name !== 'code')
  .flatMap((name) => [name, `*.${name}`, `*.*.${name}`])
  .concat('body.code', 'input.code');

const hidden = '[hidden]';

/** Forms of secrets: SCRAM verifiers, URLs with passwords, Slack tokens, webhook secrets, SCIM tokens, bearer headers. */
const forms: readonly (readonly [RegExp, string])[] = [
  [/SCRAM-SHA-256\$[^\s"']+/g, hidden],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"']*):[^\s@"']+@/gi, `$1:${hidden}@`],
  [/\bxox[a-z]-[\w-]+|\bxapp-[\w-]+/g, hidden],
  [/\bwhsec_[A-Za-z0-9+/=]+/g, hidden],
  [/\bcfs_[\w-]{43}/g, hidden],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, `$1 ${hidden}`],
  [/\b(password|secret|token)(\s*[=:]\s*['"]?)[^\s"',;}\\]+/gi, `$1$2${hidden}`],
  // Inside JSON, also JSON inside a text. NB. Only texts: whatever is replaced, a line stays one object.
  [/(password|secret|token)(\\*"\s*:\s*\\*")[^"\\]+/gi, `$1$2${hidden}`],
];

/** Takes every secret of a known form out of a text. */
export const hideSecrets = (text: string): string => forms.reduce((rest, [form, by]) => rest.replace(form, by), text);

/** An error as it is logged: name, code and message with secrets hidden; a cause likewise; never its other fields. */
export function describeError(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { message: hideSecrets(String(thrown)) };
  const code = (thrown as { code?: unknown }).code;
  const sqlstate = (thrown as { sqlstate?: unknown }).sqlstate;
  return {
    name: thrown.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof sqlstate === 'string' ? { sqlstate } : {}),
    message: hideSecrets(thrown.message),
    ...(thrown.stack === undefined ? {} : { stack: hideSecrets(thrown.stack) }),
    ...(thrown.cause === undefined ? {} : { cause: describeError(thrown.cause) }),
  };
}

/**
 * The logger of one process.
 * @param to where lines go; standard output where not given
 */
export const createLog = (process: string, level: LogLevel, to?: DestinationStream): Log =>
  pino(
    {
      level,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redacted, censor: hidden },
      serializers: { err: describeError, error: describeError },
      hooks: { streamWrite: hideSecrets },
    },
    to ?? pino.destination({ dest: 1, sync: true }),
  );
