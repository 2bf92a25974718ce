/**
 * Signed notes as C2SP's signed-note and Go's `note` package have them: a text of whole lines, an empty line, and one
 * line a signature, `— NAME BASE64`, whose bytes are the key's hash and the signature of the text.
 */
import { exactBase64, isKeyName, type Signer, type Verifier } from './note-keys.ts';

export { newKey, readSigner, readVerifier, type Signer, type Verifier } from './note-keys.ts';

/** `signedBy`: the ids (`NAME+HASH`) of the keys whose signatures hold. Never empty. */
export type OpenedNote = { readonly kind: 'opened'; readonly text: string; readonly signedBy: readonly string[] };

/** Why a note counts for nothing. `unsigned`: none of the given keys signed it. `forged`: one seems to have, and did not. */
export type NoteFailure = {
  readonly kind: 'refused';
  readonly why: 'malformed' | 'unsigned' | 'forged';
  readonly says: string;
};

const mark = '\u2014 ';
const mostSignatures = 100;
const longestTold = 80;

/**
 * Signs a text with each of the keys: two while one key replaces another.
 * @throws RangeError for a text that no note can hold (it ends with a newline and has no other control characters)
 */
export function signNote(text: string, signers: readonly Signer[]): string {
  if (!isText(text)) throw new RangeError('the text of a note is whole lines');
  const lines = signers.map(({ name, hash, sign }) => {
    const bytes = Buffer.concat([Buffer.from(hash, 'hex'), sign(Buffer.from(text, 'utf8'))]);
    return `${mark}${name} ${bytes.toString('base64')}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

/**
 * Opens a note if one of these keys signed it. Signatures of other keys are passed over: witnesses and new keys add
 * theirs. A signature that claims one of these keys and does not hold refuses the whole note.
 */
export function openNote(note: string, verifiers: readonly Verifier[]): OpenedNote | NoteFailure {
  const at = note.lastIndexOf('\n\n');
  const text = note.slice(0, at + 1);
  const block = note.slice(at + 2);
  if (at < 0 || !isText(text) || !isText(block)) return refused('malformed', 'This is no signed note.');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > mostSignatures) return refused('malformed', 'This note has too many signatures.');

  const message = Buffer.from(text, 'utf8');
  const signedBy = new Set<string>();
  const others: string[] = [];
  for (const line of lines) {
    const signature = signatureOf(line);
    if (!signature) return refused('malformed', 'A line below this note is no signature.');
    const verifier = verifiers.find(({ name, hash }) => name === signature.name && hash === signature.hash);
    if (!verifier) others.push(`${short(signature.name)}+${signature.hash}`);
    if (!verifier || signedBy.has(verifier.id)) continue;
    if (!verifier.verify(message, signature.bytes)) {
      return refused('forged', `The signature of ${verifier.id} does not hold.`);
    }
    signedBy.add(verifier.id);
  }
  if (signedBy.size === 0)
    return refused('unsigned', `None of the given keys signed this note, but ${others.slice(0, 3).join(' and ')}.`);
  return { kind: 'opened', text, signedBy: [...signedBy] };
}

/** A name that somebody else chose, as it is told. */
const short = (name: string): string =>
  name.length <= longestTold ? name : `${name.slice(0, longestTold).toWellFormed()}…`;

const refused = (why: NoteFailure['why'], says: string): NoteFailure => ({ kind: 'refused', why, says });

/** Whole lines of well-formed text without control characters. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const isText = (text: string): boolean => text.endsWith('\n') && text.isWellFormed() && !/[\0-\t\v-\x1f]/.test(text);

function signatureOf(
  line: string,
): { readonly name: string; readonly hash: string; readonly bytes: Buffer } | undefined {
  const [name, base64, ...more] = line.startsWith(mark) ? line.slice(mark.length).split(' ') : [];
  const bytes = base64 === undefined ? undefined : exactBase64(base64);
  if (name === undefined || !isKeyName(name) || more.length > 0 || !bytes || bytes.byteLength < 5) return undefined;
  return { name, hash: bytes.subarray(0, 4).toString('hex'), bytes: bytes.subarray(4) };
}
