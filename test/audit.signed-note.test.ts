/** Signed notes and checkpoints: the vectors of Go's note package, and what must not open. */
import { describe, expect, test } from 'vitest';
import { checkpointText, openCheckpoint, parseCheckpoint } from '../audit/checkpoint.ts';
import { leafHash } from '../audit/merkle.ts';
import {
  newKey,
  openNote,
  readSigner,
  readVerifier,
  signNote,
  type Signer,
  type Verifier,
} from '../audit/signed-note.ts';
import { isRefusal } from '../domain/errors.ts';

/** From golang.org/x/mod/sumdb/note, note_test.go. */
const peter = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const peterSecret = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const enoch = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop';
const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const peterLine =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';
const enochLine =
  '— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n';

function verifier(key: string): Verifier {
  const read = readVerifier(key);
  if (isRefusal(read)) throw new Error(read.message);
  return read;
}
function signer(key: string): Signer {
  const read = readSigner(key);
  if (isRefusal(read)) throw new Error(read.message);
  return read;
}
const parts = (key: string): string[] =>
  Array.from({ length: key.length }, (_, from) =>
    Array.from({ length: key.length - from }, (_unused, more) => key.slice(from, from + more + 1)),
  )
    .flat()
    .filter((part) => part !== key);
const turned = (key: string): string[] =>
  Array.from(
    { length: key.length },
    (_, at) => key.slice(0, at) + String.fromCharCode(key.charCodeAt(at) + 1) + key.slice(at + 1),
  );

describe('keys', () => {
  test('in the form of Go are read, and no part of one and none with a letter changed', () => {
    expect(verifier(peter)).toMatchObject({ name: 'PeterNeumann', hash: 'c74f20a3', id: 'PeterNeumann+c74f20a3' });
    expect([...parts(peter), ...turned(peter)].filter((key) => !isRefusal(readVerifier(key)))).toEqual([]);
    expect(signer(peterSecret).verifier).toBe(peter);
    expect([...parts(peterSecret), ...turned(peterSecret)].filter((key) => !isRefusal(readSigner(key)))).toEqual([]);
  });

  test.each([
    ['of another length', 'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=='],
    ['of another algorithm', 'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'],
    ['with a newline', `${peter}\n`],
    ['that is none', ''],
  ])('%s are refused', (_, key) => {
    expect(readVerifier(key)).toMatchObject({ kind: 'refusal', code: 'InvalidInput' });
  });

  test('a new one signs what its public half verifies, and a refusal shows nothing of a secret', () => {
    const made = newKey('log.example/curfew');
    expect(signer(made.signer).verifier).toBe(made.verifier);
    const note = signNote('a\n', [signer(made.signer)]);
    expect(openNote(note, [verifier(made.verifier)])).toMatchObject({ kind: 'opened', text: 'a\n' });
    const spoilt = made.signer.replace('PRIVATE', 'PRIVAT');
    expect(JSON.stringify(readSigner(spoilt))).not.toContain(made.signer.slice(-20));
    expect(() => newKey('two words')).toThrow(RangeError);
    expect(() => newKey('a+b')).toThrow(RangeError);
  });
});

describe('notes', () => {
  test('are signed byte for byte as Go signs them', () => {
    expect(signNote(text, [signer(peterSecret)])).toBe(`${text}\n${peterLine}`);
  });

  test('open for one of the keys that signed, and for each of them', () => {
    const note = `${text}\n${peterLine}${enochLine}`;
    expect(openNote(note, [verifier(peter)])).toEqual({ kind: 'opened', text, signedBy: ['PeterNeumann+c74f20a3'] });
    expect(openNote(note, [verifier(peter), verifier(enoch)])).toMatchObject({
      signedBy: ['PeterNeumann+c74f20a3', 'EnochRoot+af0cfe78'],
    });
    expect(openNote(`${text}\n${peterLine.repeat(3)}`, [verifier(peter)])).toMatchObject({ kind: 'opened' });
  });

  test('do not open for keys that did not sign', () => {
    expect(openNote(`${text}\n${peterLine}`, [])).toMatchObject({ kind: 'refused', why: 'unsigned' });
    expect(openNote(`${text}\n${peterLine}`, [verifier(enoch)])).toMatchObject({ kind: 'refused', why: 'unsigned' });
  });

  test('that strangers signed under names of any length are told of in a few words', () => {
    const { signer: long } = newKey('x'.repeat(100_000));
    const { signer: wide } = newKey(`${'x'.repeat(79)}${'\u{1F511}'.repeat(1_000)}`);
    const opened = openNote(signNote(text, [signer(long), signer(wide)]), [verifier(peter)]);
    const says = opened.kind === 'refused' ? opened.says : '';
    expect(says).toMatch(
      /^None of the given keys signed this note, but x{80}…\+[0-9a-f]{8} and x{79}.…\+[0-9a-f]{8}\.$/u,
    );
    expect(says.isWellFormed()).toBe(true);
  });

  test('are forged where a signature claims a key and does not hold', () => {
    const forged = `${text}\n${peterLine.slice(0, 60)}ABCD${peterLine.slice(60)}`;
    expect(openNote(forged, [verifier(peter)])).toMatchObject({ kind: 'refused', why: 'forged' });
    const other = newKey('PeterNeumann');
    const line = signNote(text, [signer(other.signer)]).slice(text.length + 1);
    expect(openNote(`${text}\n${line}`, [verifier(peter)])).toMatchObject({ kind: 'refused', why: 'unsigned' });
  });

  test.each([
    ['only a text', text],
    ['no signature', `${text}\n`],
    ['a signature without its newline', `${text}\n${peterLine.slice(0, -1)}`],
    ['a control character', `\u0001${text}\n${peterLine}`],
    ['half a character', `\ud800${text}\n${peterLine}`],
    ['a name with a space', `${text}\n${peterLine.replace('PeterNeumann', 'Bad Name')}`],
    ['a line that is no signature', `${text}\n${peterLine}Unexpected line.\n`],
    ['more than a hundred signatures', `${text}\n${peterLine.repeat(101)}`],
    ['no empty line', `${text}${peterLine}`],
  ])('with %s are malformed', (_, note) => {
    expect(openNote(note, [verifier(peter)])).toMatchObject({ kind: 'refused', why: 'malformed' });
  });

  test('with any one bit turned open as nothing else than they were', () => {
    const bytes = Buffer.from(`${text}\n${peterLine}`);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turnedNote = Buffer.from(bytes);
      turnedNote.writeUInt8(turnedNote.readUInt8(Math.floor(bit / 8)) ^ (1 << (bit % 8)), Math.floor(bit / 8));
      expect(openNote(turnedNote.toString('utf8'), [verifier(peter)]).kind).toBe('refused');
    }
  });

  test('hold whole lines and nothing else', () => {
    for (const bad of ['', 'abc', 'a\tb\n', 'a\u0000\n']) expect(() => signNote(bad, [])).toThrow(RangeError);
  });
});

describe('checkpoints', () => {
  const checkpoint = {
    origin: 'log.example/curfew/1',
    size: 20_852_163,
    root: leafHash(Buffer.of(1)),
    at: 1_790_000_000_123,
  };

  test('are four lines: origin, size, root and instant', () => {
    expect(checkpointText(checkpoint)).toBe(
      'log.example/curfew/1\n20852163\ntBP0fRPuL+bIRbLuFBr4HehY307FSaWLeXC7lmRbyNI=\nat 2026-09-21T14:13:20.123Z\n',
    );
    expect(parseCheckpoint(checkpointText(checkpoint))).toEqual(checkpoint);
    expect(parseCheckpoint(checkpointText({ ...checkpoint, size: 0 }))).toMatchObject({ size: 0 });
  });

  test.each([
    ['a leading zero', (t: string) => t.replace('20852163', '020852163')],
    ['a size below zero', (t: string) => t.replace('20852163', '-1')],
    ['a size past what is counted', (t: string) => t.replace('20852163', '9007199254740993')],
    ['a fraction', (t: string) => t.replace('20852163', '1.5')],
    ['a root that is too short', (t: string) => t.replace('tBP0', '')],
    ['a root with other base64 of the same bytes', (t: string) => t.replace('NI=', 'NJ=')],
    ['no instant', (t: string) => t.replace(/at .*\n/, '')],
    ['an instant in another form', (t: string) => t.replace('.123Z', 'Z')],
    ['a line more', (t: string) => `${t}more\n`],
    ['no origin', (t: string) => t.replace('log.example/curfew/1', '')],
    ['an origin with a plus sign', (t: string) => t.replace('/1', '+1')],
    ['no last newline', (t: string) => t.slice(0, -1)],
  ])('with %s are none', (_, spoil) => {
    expect(isRefusal(parseCheckpoint(spoil(checkpointText(checkpoint))))).toBe(true);
  });

  test('count when a given key signed them, also while one key replaces another', () => {
    const [older, newer, other] = [newKey('curfew'), newKey('curfew'), newKey('curfew')];
    const note = signNote(checkpointText(checkpoint), [signer(older.signer), signer(newer.signer)]);
    expect(openCheckpoint(note, [verifier(older.verifier)])).toMatchObject({ size: 20_852_163 });
    expect(openCheckpoint(note, [verifier(newer.verifier)])).toMatchObject({ size: 20_852_163 });
    expect(openCheckpoint(note, [verifier(other.verifier)])).toMatchObject({ kind: 'refused', why: 'unsigned' });
    const unlike = signNote('something else\n', [signer(older.signer)]);
    expect(openCheckpoint(unlike, [verifier(older.verifier)])).toMatchObject({ kind: 'refused', why: 'malformed' });
  });
});
