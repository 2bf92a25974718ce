/**
 * What is signed: how long the log is, the root over all of it, and when. The text is C2SP's tlog-checkpoint: origin,
 * size and root on a line each, and one extension line with the instant.
 */
import { refuse, isRefusal, type Refusal } from '../domain/errors.ts';
import { openNote, type NoteFailure, type Verifier } from './signed-note.ts';

/**
 * `origin` names the log, `NAME/EPOCH`: a store that was restored goes on under another origin. `at`: when it was made
 * by its signer's clock, epoch ms.
 */
export type Checkpoint = {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  readonly at: number;
};

/** The text that a key signs. @throws RangeError for what is no checkpoint */
export function checkpointText(checkpoint: Checkpoint): string {
  if (!isCheckpoint(checkpoint)) throw new RangeError('no checkpoint');
  const { origin, size, root, at } = checkpoint;
  return `${origin}
${size}
${root.toString('base64')}
at ${new Date(at).toISOString()}
`;
}

const isCheckpoint = ({ origin, size, root, at }: Checkpoint): boolean =>
  /^[!-~]{1,200}$/.test(origin) &&
  !origin.includes('+') &&
  Number.isSafeInteger(size) &&
  size >= 0 &&
  root.byteLength === 32 &&
  Number.isSafeInteger(at);

/** Reads the text of a checkpoint in the one form in which `checkpointText` writes it. */
export function parseCheckpoint(text: string): Checkpoint | Refusal {
  const [origin = '', digits = '', base64 = '', extension = ''] = text.split('\n');
  const checkpoint = {
    origin,
    size: /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN,
    root: Buffer.from(base64, 'base64'),
    at: Date.parse(extension.slice('at '.length)),
  };
  const same = isCheckpoint(checkpoint) && checkpointText(checkpoint) === text;
  return same ? checkpoint : refuse('InvalidInput', 'This note is no checkpoint of a log.');
}

/** A checkpoint that one of the keys signed, with the ids of those that did. */
export type SignedCheckpoint = Checkpoint & { readonly note: string; readonly signedBy: readonly string[] };

/** Opens a signed checkpoint. @returns why it counts for nothing: not signed, forged, or no checkpoint */
export function openCheckpoint(note: string, verifiers: readonly Verifier[]): SignedCheckpoint | NoteFailure {
  const opened = openNote(note, verifiers);
  if (opened.kind === 'refused') return opened;
  const checkpoint = parseCheckpoint(opened.text);
  if (isRefusal(checkpoint)) return { kind: 'refused', why: 'malformed', says: checkpoint.message };
  return { ...checkpoint, note, signedBy: opened.signedBy };
}
