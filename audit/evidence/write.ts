/** Writes an evidence file as a stream: what it is made of is asked for piece by piece, and never held whole. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import yazl from 'yazl';
import {
  bundleMember,
  commentBytes,
  commentOf,
  lastRecordBytes,
  leavesMember,
  members,
  policyMember,
  type CheckpointLine,
  type EvidenceIndex,
  type PlaceLine,
} from './format.ts';
import { historyLine, type HistoryLine } from './history-line.ts';

type Stream<One> = AsyncIterable<One> | Iterable<One>;

/** Each part is read once, in the order of this type, and only when the parts before it are written. */
export type EvidenceParts = {
  readonly readme: string;
  readonly checkpoints: readonly CheckpointLine[];
  /** The signed openings of the log's epochs after the first. */
  readonly epochs: readonly string[];
  readonly entries: Stream<Buffer>;
  /** The hashes of the span's leaves, as the log has them. */
  readonly leaves: Stream<Buffer>;
  readonly places: Stream<PlaceLine>;
  readonly receipts: Stream<Buffer>;
  /** Only where they were asked for. */
  readonly statements?: Stream<Buffer>;
  readonly histories: Stream<HistoryLine>;
  readonly policies: Stream<{ readonly hash: string; readonly text: string }>;
  readonly bundles: Stream<{ readonly hash: string; readonly bytes: Buffer }>;
  /** Asked for last, when all is counted. */
  readonly index: (counts: EvidenceIndex['counts']) => EvidenceIndex;
};

/** The same bytes for the same evidence, wherever and whenever it is written. */
const header = { mtime: new Date(1980, 0, 1), mode: 0o100644, forceDosTimestamp: true } as const;

/**
 * @param path of an empty file, which whoever made it takes away again where this throws: half of it proves nothing
 * @returns what was counted
 */
export async function writeEvidence(path: string, parts: EvidenceParts): Promise<EvidenceIndex['counts']> {
  const zip = new yazl.ZipFile();
  const failed = new Promise<never>((_, reject) => {
    zip.on('error', reject);
  });
  const written = pipeline(zip.outputStream, createWriteStream(path, { flags: 'r+' }));
  const broken = written.then(() => Promise.reject(new Error('the file ended early')));
  for (const one of [failed, written, broken]) one.catch(() => undefined);
  try {
    const counts = await Promise.race([addAll(zip, parts), failed, broken]);
    zip.end({ comment: commentOf(0), forceZip64Format: false });
    await Promise.race([written, failed]);
    await seal(path);
    return counts;
  } catch (error) {
    zip.outputStream.unpipe();
    throw error;
  }
}

async function addAll(zip: yazl.ZipFile, parts: EvidenceParts): Promise<EvidenceIndex['counts']> {
  zip.addBuffer(Buffer.from(parts.readme), members.readme, { ...header, compress: false });
  const checkpoints = await add(zip, members.checkpoints, json(parts.checkpoints), false);
  await add(zip, members.epochs, json(parts.epochs.map((note) => ({ note }))), false);
  const entries = await add(zip, members.entries, parts.entries, false);
  await addBytes(zip, leavesMember, parts.leaves);
  const picked = await add(zip, members.places, json(parts.places), false);
  const receipts = await add(zip, members.receipts, parts.receipts, false);
  const statements = parts.statements && (await add(zip, members.statements, parts.statements, false));
  const histories = await add(zip, members.histories, mapped(parts.histories, historyLine), true);
  let policies = 0;
  for await (const { hash, text } of parts.policies) {
    zip.addBuffer(Buffer.from(text), policyMember(hash), { ...header, compress: false });
    policies += 1;
  }
  let bundles = 0;
  for await (const { hash, bytes } of parts.bundles) {
    zip.addBuffer(bytes, bundleMember(hash), { ...header, compress: true });
    bundles += 1;
  }
  const asked = statements === undefined ? {} : { statements };
  const counts = { entries, picked, checkpoints, policies, receipts, ...asked, histories, bundles };
  const index = Buffer.from(`${JSON.stringify(parts.index(counts), null, 2)}\n`);
  zip.addBuffer(index, members.index, { ...header, compress: false });
  return counts;
}

/** Adds a member of one line each. @returns how many, once all of them are read */
async function add(zip: yazl.ZipFile, name: string, lines: Stream<Buffer>, compress: boolean): Promise<number> {
  let count = 0;
  const readable = Readable.from(
    gathered(
      ended(lines, () => {
        count += 1;
      }),
    ),
    { objectMode: false },
  );
  const over = once(readable, 'end');
  zip.addReadStream(readable, name, { ...header, compress });
  await over;
  return count;
}

/** Adds a member of bytes that stand one after another. */
async function addBytes(zip: yazl.ZipFile, name: string, pieces: Stream<Buffer>): Promise<void> {
  const readable = Readable.from(gathered(pieces), { objectMode: false });
  const over = once(readable, 'end');
  zip.addReadStream(readable, name, { ...header, compress: false });
  await over;
}

const chunkBytes = 64 * 1024;

/** Lines with their newlines. */
async function* ended(lines: Stream<Buffer>, seen: () => void): AsyncGenerator<Buffer> {
  for await (const line of lines) {
    seen();
    yield line;
    yield newline;
  }
}

/** Many in one piece: a piece a line is slow. */
async function* gathered(buffers: Stream<Buffer>): AsyncGenerator<Buffer> {
  let piece: Buffer[] = [];
  let bytes = 0;
  for await (const one of buffers) {
    piece.push(one);
    bytes += one.byteLength;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(piece);
    piece = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(piece);
}
const newline = Buffer.from('\n');

const json = (values: Stream<unknown>): AsyncGenerator<Buffer> =>
  mapped(values, (one) => Buffer.from(JSON.stringify(one)));

async function* mapped<From>(values: Stream<From>, make: (one: From) => Buffer): AsyncGenerator<Buffer> {
  for await (const one of values) yield make(one);
}

/** Writes the sum over all that stands before the archive's last record into its comment. */
async function seal(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const end = size - lastRecordBytes - commentBytes;
    let crc = 0;
    for await (const chunk of file.createReadStream({ end: end - 1, autoClose: false }))
      crc = crc32(chunk as Buffer, crc);
    await file.write(Buffer.from(commentOf(crc)), 0, commentBytes, size - commentBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
