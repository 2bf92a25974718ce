/**
 * Lines of a session's log become statements: each with its time, how long it took and how it failed, which the log says
 * in lines of their own. Pure: what is stored comes in, what is to be stored comes out.
 */
import { createHash } from 'node:crypto';

export type SessionEvent =
  | { readonly kind: 'opened'; readonly application: string | null }
  | { readonly kind: 'closed' }
  | {
      readonly kind: 'statement';
      readonly via: 'statement' | 'execute' | 'audit' | 'error';
      readonly text: string | null;
      readonly parameters: string | null;
      readonly what: string | null;
      readonly durationUs: number | null;
      readonly error: string | null;
    }
  | { readonly kind: 'took'; readonly durationUs: number }
  | { readonly kind: 'failed'; readonly error: string };

/** One line, as far as it is kept: texts are redacted before they come here. */
export type SessionLine = {
  readonly session: string;
  readonly line: number;
  readonly requestId: string;
  readonly database: string;
  /** Epoch ms. */
  readonly at: number;
  /** The session is over with it. */
  readonly ends: boolean;
  readonly event: SessionEvent;
};

type Told = Extract<SessionEvent, { kind: 'statement' }>;

/** A statement as it is stored; `salt`: of its texts, null where none is kept. */
export type Statement = {
  readonly line: number;
  readonly at: number;
  readonly via: Told['via'];
  what: string | null;
  durationUs: number | null;
  error: string | null;
  readonly textHash: string | null;
  readonly parametersHash: string | null;
  readonly salt: Buffer | null;
};
export type NewStatement = Statement & { readonly text: string | null; readonly parameters: string | null };

/** A session as it stands; `last` alone of its statements can still learn how it ended. */
export type SessionState = {
  readonly id: number;
  readonly session: string;
  readonly requestId: string;
  readonly person: string | null;
  closedAt: number | null;
  readLine: number;
  statements: number;
  batched: number;
  batchedLine: number;
  last: Statement | null;
};

export type Folded = {
  readonly added: NewStatement[];
  /** The statement that was the last one before, where it learned more. */
  readonly changed: Statement | null;
};

/**
 * Takes the lines of one session, in their order; those that were read before change nothing. A session that was taken for
 * over, and in which a statement still comes, goes on: no line of a log is dropped for what another one said. Changes `state`.
 * @param draw makes a salt
 */
export function foldSession(state: SessionState, lines: readonly SessionLine[], draw: () => Buffer): Folded {
  const before = state.last;
  const unchanged = before && { ...before };
  const added: NewStatement[] = [];
  for (const line of lines) {
    if (line.line <= state.readLine) continue;
    if (state.closedAt !== null && line.event.kind !== 'statement') continue;
    state.readLine = line.line;
    state.closedAt = null;
    const made = take(state, line, draw);
    if (made) added.push(made);
    if (line.ends) state.closedAt = line.at;
  }
  const learned =
    before !== null &&
    (before.what !== unchanged?.what || before.durationUs !== unchanged.durationUs || before.error !== unchanged.error);
  return { added, changed: learned ? before : null };
}

/** What one line says: of the statement before it, or of a new one, which it returns. */
function take(state: SessionState, { line, at, event }: SessionLine, draw: () => Buffer): NewStatement | undefined {
  const { last } = state;
  if (event.kind === 'took' || event.kind === 'failed') {
    if (!last || isOver(last)) return undefined;
    if (event.kind === 'took') last.durationUs = event.durationUs;
    else last.error = event.error;
    return undefined;
  }
  if (event.kind !== 'statement') return undefined;
  if (last && isSame(last, event)) {
    last.what ??= event.what;
    last.durationUs ??= event.durationUs;
    last.error ??= event.error;
    return undefined;
  }
  const salt = event.text === null ? null : draw();
  const made: NewStatement = {
    line,
    at,
    via: event.via,
    what: event.what,
    durationUs: event.durationUs,
    error: event.error,
    text: event.text,
    parameters: salt && event.parameters,
    textHash: hashOf(salt, event.text),
    parametersHash: hashOf(salt, event.parameters),
    salt,
  };
  state.last = made;
  state.statements += 1;
  return made;
}

/** Nothing more is said of it: parsing and binding the next one takes time as well, which is not this one's. */
const isOver = ({ durationUs, error }: Statement): boolean => durationUs !== null || error !== null;

/**
 * The log tells of one statement in several lines: before it runs, by pgaudit, when it fails or is done. Where no text is
 * kept nothing can be compared, and its failure is the next thing that is said.
 */
function isSame(last: Statement, told: Told): boolean {
  if (isOver(last) || last.via === 'error') return false;
  if (told.via === 'audit') {
    if (last.via === 'audit' || last.what !== null) return false;
  } else if (told.via !== 'error' && last.via !== 'audit') return false;
  if (told.text === null) return told.via === 'audit' || (told.via === 'error' && last.textHash === null);
  return hashOf(last.salt, told.text) === last.textHash;
}

/** SHA-256 of salt and text, hex; null where there is neither. */
export const hashOf = (salt: Buffer | null, text: string | null): string | null =>
  salt === null || text === null ? null : createHash('sha256').update(salt).update(text, 'utf8').digest('hex');
