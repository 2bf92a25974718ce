/**
 * A log that came back from a backup is another log: some of what was signed is gone. So it goes on under another
 * origin, `NAME/EPOCH`, and whoever takes it into service signs what was lost.
 */
import { isRefusal, refuse, type Refusal } from '../domain/errors.ts';
import { exactBase64 } from './note-keys.ts';
import { openNote, signNote, type NoteFailure, type Signer, type Verifier } from './signed-note.ts';

/** How far a log was: its newest checkpoint that anybody knows. */
export type Reach = { readonly size: number; readonly root: Buffer };

/**
 * The beginning of an epoch after the first. `began`: how many of the entries that were left are what had been signed.
 * `lost`: how far the epoch before it had been; absent: nobody had a checkpoint of it.
 */
export type Opening = {
  readonly origin: string;
  readonly began: number;
  readonly lost?: Reach;
  readonly recovery: string;
};

export const originOf = (name: string, epoch: number): string => `${name}/${epoch}`;

/** @returns undefined for an origin of another log */
export function epochOf(origin: string, name: string): number | undefined {
  const digits = origin.startsWith(`${name}/`) ? origin.slice(name.length + 1) : '';
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

/** The text that a key signs: origin, entries that were left, what was lost, and the recovery's id, on a line each. */
function openingText({ origin, began, lost, recovery }: Opening): string {
  const reach = lost ? `lost ${lost.size} ${lost.root.toString('base64')}` : 'lost nothing that is known';
  return `${origin}\nepoch begins at ${began}\n${reach}\nrecovery ${recovery}\n`;
}

export const signOpening = (opening: Opening, signers: readonly Signer[]): string =>
  signNote(openingText(opening), signers);

/** Reads a signed opening in the one form in which `signOpening` writes it. @returns why it counts for nothing */
export function openOpening(note: string, verifiers: readonly Verifier[]): Opening | NoteFailure {
  const opened = openNote(note, verifiers);
  if (opened.kind === 'refused') return opened;
  const opening = parseOpening(opened.text);
  return isRefusal(opening) ? { kind: 'refused', why: 'malformed', says: opening.message } : opening;
}

const form = /^(\S+)\nepoch begins at (\d{1,15})\nlost (?:nothing that is known|(\d{1,15}) (\S+))\nrecovery (\S+)\n$/;

function parseOpening(text: string): Opening | Refusal {
  const [, origin = '', began = '', size, base64, recovery = ''] = form.exec(text) ?? [];
  const root = base64 === undefined ? undefined : exactBase64(base64);
  const lost = size === undefined || root === undefined ? {} : { lost: { size: Number(size), root } };
  const opening = { origin, began: Number(began), ...lost, recovery };
  return openingText(opening) === text ? opening : refuse('InvalidInput', 'This note opens no epoch of a log.');
}
