/** Ways to change an evidence file, and to sign a log that is not what it should be, each by chance. */
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import yazl from 'yazl';
import { commentBytes, commentOf, lastRecordBytes } from '../../audit/evidence/format.ts';
import { between, oneOf, type Chance } from '../../dev/faults/seeded.ts';
import { policyText, sha256, type Written } from './evidence.ts';

export type Members = ReadonlyMap<string, Buffer>;

export async function membersOf(path: string): Promise<Members> {
  const members = new Map<string, Buffer>();
  const zip = await yauzl.openPromise(path, { autoClose: false });
  for await (const entry of zip.eachEntry())
    members.set(entry.fileName, Buffer.concat((await (await zip.openReadStreamPromise(entry)).toArray()) as Buffer[]));
  zip.close();
  return members;
}

/** An archive that is whole, whatever is in it. */
export async function pack(path: string, members: Members): Promise<void> {
  const zip = new yazl.ZipFile();
  for (const [name, bytes] of members) zip.addBuffer(bytes, name, { compress: false });
  zip.end({ comment: commentOf(0), forceZip64Format: false });
  await pipeline(zip.outputStream, createWriteStream(path));
  const archive = await readFile(path);
  const sum = commentOf(crc32(archive.subarray(0, archive.length - lastRecordBytes - commentBytes)));
  await writeFile(path, Buffer.concat([archive.subarray(0, archive.length - commentBytes), Buffer.from(sum)]));
}

type Line = string | Buffer;
const place = (random: Chance, all: { readonly length: number }): number => between(random, 0, all.length - 1);
const linesOf = (bytes: Buffer): string[] => String(bytes).split('\n').slice(0, -1);
const joined = (lines: readonly Line[]): Buffer => Buffer.from(lines.map((line) => `${String(line)}\n`).join(''));
function exchanged<Of extends Line>(lines: readonly Of[], [a, b]: readonly [number, number]): readonly Of[] {
  return lines.map((line, at) => (at === a ? lines[b] : at === b ? lines[a] : line) ?? line);
}

/** What becomes of a member; undefined: it is not there any more. */
export type Change = readonly [what: string, make: (bytes: Buffer, random: Chance) => Buffer | undefined];
export const changes: readonly [Change, ...Change[]] = [
  [
    'a bit turned',
    (bytes, random) => {
      const turned = Buffer.from(bytes);
      const at = place(random, bytes);
      if (at < bytes.length) turned.writeUInt8(turned.readUInt8(at) ^ (1 << between(random, 0, 7)), at);
      return turned;
    },
  ],
  ['a line taken away', (bytes, random) => joined(linesOf(bytes).toSpliced(place(random, linesOf(bytes)), 1))],
  [
    'a line put twice',
    (bytes, random) => {
      const lines = linesOf(bytes);
      return joined(lines.toSpliced(place(random, lines), 0, lines[place(random, lines)] ?? ''));
    },
  ],
  [
    'two lines exchanged',
    (bytes, random) => {
      const lines = linesOf(bytes);
      return joined(exchanged(lines, [place(random, lines), place(random, lines)]));
    },
  ],
  [
    'a number changed',
    (bytes, random) => {
      const numbers = [...String(bytes).matchAll(/\d+/g)];
      const one = numbers[place(random, numbers)];
      if (!one) return bytes;
      const other = String(Math.max(0, Number(one[0]) + oneOf(random, [-1, 1, 7])));
      return Buffer.from(String(bytes).slice(0, one.index) + other + String(bytes).slice(one.index + one[0].length));
    },
  ],
  [
    'a hash taken away',
    (bytes, random) => {
      const hashes = [...String(bytes).matchAll(/"[A-Za-z0-9+/]{43}=",?/g)];
      const one = hashes[place(random, hashes)];
      if (!one) return bytes;
      const text = String(bytes).slice(0, one.index) + String(bytes).slice(one.index + one[0].length);
      return Buffer.from(text.replaceAll(',]', ']'));
    },
  ],
  ['its end taken away', (bytes, random) => bytes.subarray(0, between(random, 0, bytes.length))],
  ['all of it taken away', () => undefined],
];

type Swap = readonly [from: string, to: string];
const words: readonly [Swap, ...Swap[]] = [
  ['curfew_worker', 'curfew_api'],
  ['curfew_api', 'curfew_worker'],
  ['"canLogin":true', '"canLogin":false'],
  ['grant.ended', 'grant.failed'],
  ['grant.made', 'grant.ended'],
  ['"receipt":"', '"receipt":"0'],
  ['"sha256":"', '"sha256":"0'],
  ['"policy":"', '"policy":"0'],
  ['00000000100', '00000000101'],
];
const left: readonly [Swap, ...Swap[]] = [
  ['"sessionsLeft":0', '"sessionsLeft":1'],
  ['"ended":true', '"ended":false'],
  ['"canLogin":false', '"canLogin":true'],
  ['"nodes":[{', '"nodes":[],"were":[{'],
  ['"kind":"revoke"', '"kind":"grant"'],
  ['"requestId":"0', '"requestId":"1'],
];

/** What somebody writes who has the store and the key: all of it is signed. The first entry is a policy that was applied. */
export type Past = readonly [what: string, make: (log: Written, random: Chance) => Partial<Written>];
export const pasts: readonly [Past, ...Past[]] = [
  ['an entry never written', ({ lines }, random) => ({ lines: lines.toSpliced(place(random, lines), 1) })],
  [
    'an entry written twice',
    ({ lines }, random) => {
      const at = place(random, lines);
      return { lines: lines.toSpliced(place(random, lines), 0, ...lines.slice(at, at + 1)) };
    },
  ],
  [
    'two entries in another order',
    ({ lines }, random) => ({ lines: exchanged(lines, [place(random, lines), place(random, lines)]) }),
  ],
  [
    'a word in an entry changed',
    ({ lines }, random) => {
      const [at, [from, to]] = [place(random, lines), oneOf(random, words)];
      return { lines: lines.with(at, Buffer.from(String(lines[at]).replaceAll(from, to))) };
    },
  ],
  ['a receipt never kept', ({ receipts }, random) => ({ receipts: receipts.toSpliced(place(random, receipts), 1) })],
  [
    'a receipt that says something else, and its entry too',
    ({ lines, receipts }, random) => {
      const [at, [from, to]] = [place(random, receipts), oneOf(random, left)];
      const before = String(receipts[at]);
      const after = before.replace(from, to);
      return {
        receipts: receipts.with(at, Buffer.from(after)),
        lines: lines.map((line) => Buffer.from(String(line).replace(sha256(before), sha256(after)))),
      };
    },
  ],
  [
    'a history in the place of another',
    ({ histories }) => ({ histories: histories.map((one) => ({ ...one, bytes: histories[0]?.bytes ?? one.bytes })) }),
  ],
  ['no policy', () => ({ policies: [] })],
  ['a policy by the name of another', () => ({ policies: [{ hash: sha256('another'), text: policyText }] })],
  [
    'an end that nobody signed',
    ({ lines: { length } }) => ({ sizes: [length - 3, length - 1], span: { from: 0, to: length } }),
  ],
];
