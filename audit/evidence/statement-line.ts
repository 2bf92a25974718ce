/**
 * A statement in `statements.jsonl`, in the form of RFC 8785: what the hash of its batch in the log is made of, whatever
 * becomes of its texts, and beside it the texts, whose salted hashes stand in that.
 */
import { createHash } from 'node:crypto';
import { exactBase64 } from '../note-keys.ts';
import { canonicalBytes } from './format.ts';

/** `text` and `parameters`: SHA-256 over salt and text, hex; null where no text was kept. */
type Hashed = {
  readonly at: number;
  readonly durationUs: number | null;
  readonly error: string | null;
  readonly line: number;
  readonly parameters: string | null;
  readonly text: string | null;
  readonly via: string;
  readonly what: string | null;
};

export type StatementLine = {
  /** Place in the log of the entry that has the hash of its batch. */
  readonly entry: number;
  /** `salt` in base64; null where nothing is kept, or not any more. */
  readonly kept: { readonly parameters: string | null; readonly salt: string; readonly text: string } | null;
  readonly statement: Hashed;
};

export const statementBytes = ({ entry, kept, statement }: StatementLine): Buffer =>
  canonicalBytes({
    entry,
    kept: kept && { parameters: kept.parameters, salt: kept.salt, text: kept.text },
    statement: hashed(statement),
  });

const hashed = ({ at, durationUs, error, line, parameters, text, via, what }: Hashed): Hashed => ({
  at,
  durationUs,
  error,
  line,
  parameters,
  text,
  via,
  what,
});

/** @returns undefined for a line in another form, or with anything more in it */
export function readStatement(bytes: Buffer): StatementLine | undefined {
  try {
    const read = JSON.parse(bytes.toString('utf8')) as StatementLine;
    const isPlaced = [read.entry, read.statement.line].every((one) => Number.isSafeInteger(one) && one >= 0);
    return isPlaced && statementBytes(read).equals(bytes) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What the hash of a batch is made of, one statement after another. */
export const hashedBytes = ({ statement }: StatementLine): Buffer =>
  Buffer.concat([canonicalBytes(statement), newline]);
const newline = Buffer.from('\n');

/** Of every salt that a collector draws. */
const saltBytes = 16;

/** Are its texts those whose hashes stand in it? `gone`: it had some, and none is here. */
export function textsOf({ kept, statement }: StatementLine): 'same' | 'gone' | 'other' {
  if (kept === null) return statement.text === null && statement.parameters === null ? 'same' : 'gone';
  const salt = exactBase64(kept.salt);
  // NB. A hash does not say where its salt ends: a longer one would swallow the beginning of what was done.
  if (salt?.byteLength !== saltBytes) return 'other';
  const isSame = (text: string | null, hash: string | null): boolean =>
    text === null ? hash === null : saltedHash(salt, text) === hash;
  return isSame(kept.text, statement.text) && isSame(kept.parameters, statement.parameters) ? 'same' : 'other';
}

const saltedHash = (salt: Uint8Array, text: string): string =>
  createHash('sha256').update(salt).update(text, 'utf8').digest('hex');
