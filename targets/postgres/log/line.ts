/**
 * One line of PostgreSQL's JSON log (https://www.postgresql.org/docs/current/runtime-config-logging.html, "Using JSON-Format
 * Log Output"), as far as it tells of a grantee's session. Messages of errors are never looked at: they quote data.
 */
import { z } from 'zod';
import { parseAudited } from './pgaudit.ts';

/** `error`: SQLSTATE. */
export type LogEvent =
  | { readonly kind: 'opened'; readonly application: string | null }
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'statement';
      readonly via: Via;
      /** null: an earlier line has it, or it was too long to be read. */
      readonly text: string | null;
      readonly parameters: string | null;
      /** pgaudit's class and command. */
      readonly what: string | null;
      readonly durationUs: number | null;
      readonly error: string | null;
    }
  /** How long the statement before took. */
  | { readonly kind: 'took'; readonly durationUs: number }
  /** The statement before failed, and the line does not repeat it. */
  | { readonly kind: 'failed'; readonly error: string };

/** What told of a statement: simple and extended protocol, pgaudit, or only its failure. */
export type Via = 'statement' | 'execute' | 'audit' | 'error';

export type LogLine = {
  /** The backend's, unique on its node: when it began and its process id. */
  readonly session: string;
  /** Of the session, from 1. */
  readonly line: number;
  /** A request's id is its grant's, and names its login. */
  readonly grantId: string;
  readonly database: string;
  readonly event: LogEvent;
  /** Whether the session is over with it, be there a line that says so or not: it was ended, or refused after its login. */
  readonly ends: boolean;
};

const shape = z.object({
  user: z.string().regex(/^cfw_[0-9a-f]{32}$/),
  dbname: z.string(),
  session_id: z.string().regex(/^[0-9a-f]{1,16}\.[0-9a-f]{1,8}$/),
  line_num: z.int().positive(),
  error_severity: z.string().optional(),
  state_code: z.string().optional(),
  message: z.string().default(''),
  detail: z.string().optional(),
  context: z.string().optional(),
  statement: z.string().optional(),
  backend_type: z.string().optional(),
});
type Fields = z.infer<typeof shape>;

/** @returns undefined for whatever is no such line, or tells nothing of a session */
export function parseLine(bytes: Uint8Array): LogLine | undefined {
  const fields = shape.safeParse(json(bytes)).data;
  // A parallel worker's lines are of its leader's statement, which tells for itself.
  if (!fields || (fields.backend_type ?? 'client backend') !== 'client backend') return undefined;
  const event = eventOf(fields);
  if (!event) return undefined;
  return {
    session: fields.session_id,
    line: fields.line_num,
    grantId: grantIdOf(fields.user),
    database: fields.dbname,
    event,
    ends: event.kind === 'closed' || /^(?:FATAL|PANIC)$/.test(fields.error_severity ?? ''),
  };
}

/** The beginning of a line that is too long to be read, as far as it tells that a statement came. */
export function parseCutLine(bytes: Uint8Array): LogLine | undefined {
  const text = new TextDecoder().decode(bytes);
  const of = (key: string, value: string): string | undefined =>
    new RegExp(`"${key}":"?(${value})[",]`).exec(text)?.[1];
  const user = of('user', 'cfw_[0-9a-f]{32}');
  const session = of('session_id', '[0-9a-f]+\\.[0-9a-f]+');
  const line = Number(of('line_num', '\\d+'));
  if (user === undefined || session === undefined || !Number.isSafeInteger(line)) return undefined;
  const event = statement({ via: 'statement' });
  return { session, line, grantId: grantIdOf(user), database: of('dbname', '[^"]*') ?? '', event, ends: false };
}

const grantIdOf = (role: string): string =>
  role.slice('cfw_'.length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

function json(bytes: Uint8Array): unknown {
  try {
    // A database need not be in UTF-8, and then neither are its lines.
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const authorized =
  /^connection authorized: user=\S+(?: database=.*?)?(?: application_name=(.*?))?(?: SSL enabled .*| GSS .*)?$/s;
const timed = /^duration: (\d+(?:\.\d+)?) ms(?:  ([^]*))?$/;
const stated = /^statement: ([^]*)$/;
// NB. The name is the client's own word, and may hold a colon.
const executed = /^execute (?:fetch from )?[^]*?: ([^]*)$/;
const called = /^fastpath function call: ([^]*)$/;
/** Some thirty years: the store's column takes no more than a bigint, and nobody's line may stop the reading. */
const longestUs = 1e15;
const parametersOf = /^parameters: ([^]*)$/i;

function eventOf(fields: Fields): LogEvent | undefined {
  const { message, state_code: code = '00000' } = fields;
  if (isFailure(fields)) return failureOf(code, fields.statement);
  // NB. What the server and pgaudit say of a session has no context: this is RAISE in a grantee's own code, saying the like.
  if (fields.context !== undefined) return undefined;
  const audited = parseAudited(message);
  if (audited) return statement({ via: 'audit', ...audited });
  const opened = authorized.exec(message);
  if (opened) return { kind: 'opened', application: opened[1] ?? null };
  if (message.startsWith('disconnection: ')) return { kind: 'closed' };
  const [, ms, rest] = timed.exec(message) ?? [];
  const durationUs = ms === undefined ? null : Math.min(Math.round(Number(ms) * 1_000), longestUs);
  if (durationUs !== null && rest === undefined) return { kind: 'took', durationUs };
  const told = rest ?? message;
  const simple = stated.exec(told)?.[1] ?? called.exec(told)?.[1];
  if (simple !== undefined) return statement({ via: 'statement', text: simple, durationUs });
  const extended = executed.exec(told)?.[1];
  if (extended === undefined) return undefined;
  const parameters = parametersOf.exec(fields.detail ?? '')?.[1] ?? null;
  return statement({ via: 'execute', text: extended, durationUs, parameters });
}

/** By its severity: whoever raises a warning, or an error, gives it any SQLSTATE. */
const isFailure = ({ error_severity: severity = '' }: Fields): boolean => /^(?:ERROR|FATAL|PANIC)$/.test(severity);

/** A login that was refused (class 28) is no session. */
function failureOf(error: string, text: string | undefined): LogEvent | undefined {
  if (text !== undefined) return statement({ via: 'error', text, error });
  return error.startsWith('28') ? undefined : { kind: 'failed', error };
}

type Statement = Extract<LogEvent, { kind: 'statement' }>;
const statement = (told: Pick<Statement, 'via'> & Partial<Statement>): Statement => ({
  text: null,
  parameters: null,
  what: null,
  durationUs: null,
  error: null,
  ...told,
  kind: 'statement',
});
