/**
 * The bytes of a leaf: one entry of the log as one line of JSON, its keys in RFC 8785's order, its body as it was
 * stored. The store makes the same bytes (`audit.line`); whoever checks the log needs only lines.
 */
import type { AuditValue } from '../domain/events.ts';
import { refuse, type Refusal } from '../domain/errors.ts';

/** What a line is made of. `at`: UTC with six decimals, as the server stamped it; `body`: the stored bytes. */
export type EntryParts = {
  readonly id: number;
  readonly at: string;
  readonly login: string;
  readonly kind: string;
  readonly actor: string;
  readonly subject: string;
  readonly body: Uint8Array;
};

/** One entry as whoever reads the log has it. `atMs`: `at` to the millisecond, epoch ms. */
export type LoggedEntry = Omit<EntryParts, 'body'> & {
  readonly atMs: number;
  readonly body: { readonly [key: string]: AuditValue };
};

/** An entry with its place in the log. */
export type PlacedEntry = LoggedEntry & { readonly index: number };

const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/**
 * The bytes of an entry's leaf, without a newline.
 * @throws RangeError for an id or an instant in another form
 */
export function entryLine({ actor, at, body, id, kind, login, subject }: EntryParts): Buffer {
  if (!Number.isSafeInteger(id) || !instant.test(at)) throw new RangeError('no entry of a log');
  return Buffer.concat([
    Buffer.from(`{"actor":${JSON.stringify(actor)},"at":"${at}","body":`, 'utf8'),
    body,
    Buffer.from(
      `,"id":${id},"kind":${JSON.stringify(kind)},"login":${JSON.stringify(login)},"subject":${JSON.stringify(subject)}}`,
      'utf8',
    ),
  ]);
}

const string = String.raw`("(?:[^"\\]|\\.)*")`;
const head = new RegExp(String.raw`^\{"actor":${string},"at":"([^"]*)","body":`, 'su');
const tail = new RegExp(String.raw`,"id":(\d{1,16}),"kind":${string},"login":${string},"subject":${string}\}$`, 'su');

/**
 * Reads a leaf in the one form in which `entryLine` writes it, so that nothing can be said twice in it.
 * @returns a refusal (InvalidInput) for anything else
 */
export function parseLine(bytes: Uint8Array): LoggedEntry | Refusal {
  try {
    return parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) ?? unreadable;
  } catch {
    return unreadable;
  }
}

const unreadable = refuse('InvalidInput', 'This line is no entry of the log.');

function parse(text: string): LoggedEntry | undefined {
  const first = head.exec(text);
  const last = tail.exec(text);
  if (!first || !last || first[0].length > last.index) return undefined;
  const [actor, at, id, kind, login, subject] = [
    unquoted(first[1]),
    first[2] ?? '',
    Number(last[1]),
    unquoted(last[2]),
    unquoted(last[3]),
    unquoted(last[4]),
  ];
  const body: unknown = JSON.parse(text.slice(first[0].length, last.index));
  const atMs = Date.parse(at);
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !instant.test(at) || Number.isNaN(atMs)) {
    return undefined;
  }
  return { id, at, atMs, login, kind, actor, subject, body: body as LoggedEntry['body'] };
}

/** A JSON string. */
const unquoted = (json = ''): string => JSON.parse(json) as string;
