/** Reads an evidence file. Nothing of it is believed: names, sizes and lengths are bounded, and damage is named. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import { refuse, type Refusal } from '../../domain/errors.ts';
import { isUuid } from '../../domain/ids.ts';
import { crcOfBoth } from './crc.ts';
import {
  commentBytes,
  commentOf,
  formatName,
  lastRecordBytes,
  longestLine,
  members,
  type EvidenceIndex,
} from './format.ts';

export type Evidence = {
  readonly path: string;
  readonly index: EvidenceIndex;
  /** Names of the members. */
  readonly names: ReadonlySet<string>;
  /**
   * Members that are not what they were when the file was written; `the archive itself` for what is in none.
   * @param proven are the entries known to be what was signed? Otherwise they are read once more, for their sum
   */
  damage(proven: boolean): Promise<readonly string[]>;
  /**
   * The lines of a member, many at once; nothing where it is not there. Those of the entries may be damaged: each of them
   * is proved by whoever reads them. @throws Error where another member is damaged, or a line too long
   */
  lines(name: string, longest?: number): AsyncGenerator<readonly Buffer[]>;
  /** A member piece by piece, as it comes. @throws Error where it is damaged, once all of it was given */
  pieces(name: string): AsyncGenerator<Buffer, undefined>;
  /** @returns undefined where it is not there. @throws Error where it is damaged or too long */
  bytes(name: string, longest?: number): Promise<Buffer | undefined>;
  close(): void;
};

const mostMembers = 100_000;
const longestText = 64 * 1024 * 1024;

/** @returns a refusal (InvalidInput) for a file that is no evidence, or too damaged to be read */
export async function openEvidence(path: string): Promise<Evidence | Refusal> {
  let zip: yauzl.ZipFile;
  try {
    zip = await yauzl.openPromise(path, { autoClose: false, strictFileNames: true });
  } catch (error) {
    return refuse('InvalidInput', `${path} is no evidence file that can be read: ${sayOf(error)}.`);
  }
  try {
    const entries = await entriesOf(zip);
    const large = await largeOf(zip, entries.get(members.entries));
    const read = readerOf(path, zip, entries, large);
    const damaged = (await isWhole(path, entries.size, large))
      ? []
      : await damagedAmong(path, entries.keys(), large, read);
    const index = indexOf(await read.bytes(members.index));
    const damage = async (proven: boolean): Promise<readonly string[]> =>
      damaged.length > 0 || !large || proven || (await sumOf(path, large)) === large.crc ? damaged : [members.entries];
    return { path, index, names: new Set(entries.keys()), damage, ...read, close: () => zip.close() };
  } catch (error) {
    zip.close();
    return refuse('InvalidInput', `${path} is no evidence file that can be read: ${sayOf(error)}.`);
  }
}

function sayOf(error: unknown): string {
  const told = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
  return told.startsWith('End of central directory') ? 'it is no zip, or its end is missing' : told;
}

async function entriesOf(zip: yauzl.ZipFile): Promise<ReadonlyMap<string, yauzl.Entry>> {
  const entries = new Map<string, yauzl.Entry>();
  if (zip.entryCount > mostMembers) throw new Error('it has too many members');
  for await (const entry of zip.eachEntry()) {
    if (entries.has(entry.fileName)) throw new Error(`it has ${entry.fileName} twice`);
    entries.set(entry.fileName, entry);
  }
  // NB. Members that share their bytes unpack to any length, and each of them would be read to find what is damaged.
  const packed = [...entries.values()].reduce((sum, { compressedSize }) => sum + compressedSize, 0);
  if (packed > zip.fileSize) throw new Error('its members share their bytes');
  return entries;
}

/** The entries, by far the most of a long file and not compressed: read in large pieces, and by whoever proves them only. */
type Large = { readonly from: number; readonly to: number; readonly crc: number };

async function largeOf(zip: yauzl.ZipFile, entry: yauzl.Entry | undefined): Promise<Large | undefined> {
  if (!entry || entry.compressionMethod !== 0 || entry.compressedSize === 0) return undefined;
  const { fileDataStart: from } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  return { from, to: from + entry.compressedSize, crc: entry.crc32 };
}

const largePiece = 256 * 1024;

type Read = Pick<Evidence, 'lines' | 'bytes' | 'pieces'>;

function readerOf(
  path: string,
  zip: yauzl.ZipFile,
  entries: ReadonlyMap<string, yauzl.Entry>,
  large: Large | undefined,
): Read {
  const streamOf = (entry: yauzl.Entry): Readable | Promise<Readable> =>
    large && entry.fileName === members.entries
      ? createReadStream(path, { start: large.from, end: large.to - 1, highWaterMark: largePiece })
      : zip.openReadStreamPromise(entry);

  async function* pieces(name: string): AsyncGenerator<Buffer, undefined> {
    const entry = entries.get(name);
    if (!entry) return undefined;
    const isSummed = !(large && name === members.entries);
    let crc = 0;
    for await (const chunk of (await streamOf(entry)) as AsyncIterable<Buffer>) {
      if (isSummed) crc = crc32(chunk, crc);
      yield chunk;
    }
    if (isSummed && crc !== entry.crc32) throw new Error(`${name} is damaged`);
    return undefined;
  }

  async function* lines(name: string, longest = longestLine): AsyncGenerator<readonly Buffer[]> {
    let rest: Buffer[] = [];
    let held = 0;
    for await (const chunk of pieces(name)) {
      const last = chunk.lastIndexOf(10);
      if (last < 0) {
        rest.push(chunk);
        held += chunk.byteLength;
        if (held > longest) throw new Error(`${name} has a line that is too long`);
        continue;
      }
      yield split(Buffer.concat([...rest, chunk.subarray(0, last)]));
      rest = last + 1 < chunk.byteLength ? [chunk.subarray(last + 1)] : [];
      held = chunk.byteLength - last - 1;
    }
    if (held > 0) throw new Error(`${name} breaks off in the middle of a line`);
  }

  async function bytes(name: string, longest = longestText): Promise<Buffer | undefined> {
    const entry = entries.get(name);
    if (!entry) return undefined;
    const parts: Buffer[] = [];
    let held = 0;
    for await (const chunk of pieces(name)) {
      held += chunk.byteLength;
      if (held > longest) throw new Error(`${name} is too long`);
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  }
  return { lines, bytes, pieces };
}

function split(whole: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = whole.indexOf(10); at >= 0; at = whole.indexOf(10, from)) {
    lines.push(whole.subarray(from, at));
    from = at + 1;
  }
  lines.push(whole.subarray(from));
  return lines;
}

// NB. What the file says of itself is signed by nobody, so none of the checks is left out for what it says.
const otherFormat =
  'another version wrote it, with more or less in it than this one checks: verify it with that one, or write it anew';

function indexOf(bytes: Buffer | undefined): EvidenceIndex {
  if (!bytes) throw new Error(`it has no ${members.index}`);
  const index = JSON.parse(bytes.toString('utf8')) as Partial<EvidenceIndex>;
  if (/^curfew-evidence-\d+$/.test(String(index.format)) && index.format !== formatName) throw new Error(otherFormat);
  const { span, edge, counts } = index;
  const counted = [span?.from, span?.to, index.size, counts?.entries].every(
    (one) => Number.isSafeInteger(one) && Number(one) >= 0,
  );
  const named = isAsked(index.asked);
  const texts = Array.isArray(edge) && edge.every((one) => typeof one === 'string');
  if (index.format !== formatName || !counted || !texts || !named || typeof index.origin !== 'string') {
    throw new Error(`its ${members.index} is none that this version knows`);
  }
  return index as EvidenceIndex;
}

function isAsked(asked: Partial<EvidenceIndex['asked']> | undefined): boolean {
  if (asked?.kind === 'request') return 'request' in asked && isUuid(asked.request);
  return asked?.kind === 'span' && 'fromAt' in asked && [asked.fromAt, asked.toAt].every(isInstant);
}
/** NB. In the one form that says the same to everybody: JavaScript takes words, and hours without a zone, for an instant. */
const isInstant = (text: unknown): boolean => {
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(at) && new Date(at).toISOString() === text;
};

/**
 * Is every byte what it was when the file was written? The sum in the comment says so for all but the last record; the
 * entries count as what the archive's directory says of them, until they are read.
 */
async function isWhole(path: string, count: number, large: Large | undefined): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const end = size - lastRecordBytes - commentBytes;
    if (end <= 0 || (large && large.to > end)) return false;
    const { from, to, crc: ofLarge } = large ?? { from: 0, to: 0, crc: 0 };
    const before = crcOfBoth(await sumOf(path, { from: 0, to: from }), ofLarge, to - from);
    const crc = await sumOf(path, { from: to, to: end }, before);
    const last = Buffer.alloc(lastRecordBytes + commentBytes);
    await file.read(last, 0, last.byteLength, end);
    return last.subarray(lastRecordBytes).toString('latin1') === commentOf(crc) && isLastRecord(last, count, end);
  } finally {
    await file.close();
  }
}

async function sumOf(path: string, { from, to }: Pick<Large, 'from' | 'to'>, before = 0): Promise<number> {
  if (from === to) return before;
  let crc = before;
  const read = createReadStream(path, { start: from, end: to - 1, highWaterMark: largePiece });
  for await (const chunk of read) crc = crc32(chunk as Buffer, crc);
  return crc;
}

/** The archive's last record in the one form in which it is written (APPNOTE 4.3.16), also where Zip64's stands before it. */
function isLastRecord(record: Buffer, count: number, end: number): boolean {
  const size = record.readUInt32LE(12);
  const offset = record.readUInt32LE(16);
  const large = offset === 0xffffffff || size === 0xffffffff || count >= 0xffff;
  return (
    record.readUInt32LE(0) === 0x06054b50 &&
    record.readUInt32LE(4) === 0 &&
    record.readUInt16LE(8) === Math.min(count, 0xffff) &&
    record.readUInt16LE(10) === Math.min(count, 0xffff) &&
    (large || offset + size === end) &&
    record.readUInt16LE(20) === commentBytes
  );
}

/** Which members no longer have the sum that the archive's directory says. */
async function damagedAmong(
  path: string,
  names: Iterable<string>,
  large: Large | undefined,
  read: Pick<Read, 'pieces'>,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const name of names) {
    try {
      for await (const piece of read.pieces(name)) void piece;
      if (large && name === members.entries && (await sumOf(path, large)) !== large.crc) damaged.push(name);
    } catch {
      damaged.push(name);
    }
  }
  return damaged.length > 0 ? damaged : ['the archive itself'];
}
