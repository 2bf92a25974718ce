/** Gathers evidence out of the store, piece by piece as it is written. */
import { isRefusal } from '../../domain/errors.ts';
import { formatInstant } from '../../domain/time.ts';
import { parseCheckpoint } from '../../audit/checkpoint.ts';
import {
  canonicalBytes,
  formatName,
  type Asked,
  type EvidenceIndex,
  type PlaceLine,
} from '../../audit/evidence/format.ts';
import type { HistoryLine } from '../../audit/evidence/history-line.ts';
import { parseLine } from '../../audit/entry-line.ts';
import { apartMs } from '../../audit/verify/instants.ts';
import type { EvidenceParts } from '../../audit/evidence/write.ts';
import { inclusionNodes, proveInclusion, rootNodes, type NodeId, type ReadNodes } from '../../audit/merkle.ts';
import { hashesAt, historiesAt, linesAt, placesOfHistories, receiptsAt, type LineAt } from '../../store/evidence.ts';
import { bundleOf } from '../../store/histories.ts';
import { readNodes } from '../../store/log.ts';
import { epochs } from '../../store/log-epochs.ts';
import { byHash } from '../../store/policies.ts';
import type { PolicyHash } from '../../domain/ids.ts';
import type { Db } from '../../store/pool.ts';
import { Stopped } from '../terminal.ts';
import { checkpointsOf, isPlain, newestOf, textOf, type IsTaken } from './checkpoints.ts';
import { placesFor, withErasures, type Places, type Wanted } from './places.ts';
import { readmeOf } from './readme.ts';
import { statementsOf } from './statements.ts';

const pageSize = 1_000;
const historiesAtOnce = 50;

export type Gathered = { readonly parts: EvidenceParts; readonly entries: number; readonly size: number };

/**
 * @param given a signed checkpoint that somebody else has kept, so that the file can be held against it
 * @param onProgress how many entries are read by now
 * @param isTaken which checkpoints of the store are put into the file
 * @param withStatements what was done with access too
 * @throws Stopped where there is nothing to prove, or it was retired
 */
export async function gather(
  db: Db,
  wanted: Wanted,
  given: string | undefined,
  onProgress: (entries: number) => void,
  isTaken: IsTaken = isPlain,
  withStatements = false,
): Promise<Gathered> {
  const newest = await newestOf(db, isTaken);
  if (!newest)
    throw new Stopped('The log has no signed checkpoint yet: the worker signs one each minute, where it has a key.');
  const { size } = newest;
  const read: ReadNodes = (nodes) => readNodes(db, nodes);
  const asWanted = await placesFor(db, wanted, size, isTaken);
  const places = withStatements ? await withErasures(db, asWanted, size) : asWanted;
  const { span, picked } = places;
  const [before, after] = [
    picked.filter((place) => place < span.from || span.from === span.to),
    picked.filter((place) => place >= span.to && span.to > span.from),
  ];
  const edge = span.to > span.from ? await read(rootNodes(span.from)) : [];
  const named = { policies: new Set<string>(), bundles: new Set<string>() };
  const seen = seenBy(named, onProgress);
  const checkpoints = await checkpointsOf(db, places, size, given, isTaken);
  const asked: Asked =
    wanted.kind === 'request'
      ? wanted
      : {
          kind: 'span',
          fromAt: formatInstant(wanted.fromAt),
          toAt: formatInstant(await until(db, wanted.toAt, newest, span)),
        };
  const origin = originOf(newest.note);
  const parts: EvidenceParts = {
    readme: readmeOf(asked, origin, size, withStatements),
    checkpoints,
    epochs: (await epochs(db)).flatMap(({ note }) => (note === null ? [] : [note])),
    entries: seen(db, before, span, after),
    leaves: hashesOf(db, span),
    places: proofsOf(db, picked, size),
    receipts: paged(allOf(before, span, after), pageSize, async (some) =>
      (await receiptsAt(db, some)).map(canonicalBytes),
    ),
    ...(withStatements && { statements: statementsOf(db, allOf(before, span, after), size) }),
    histories: paged(exportsAmong(db, allOf(before, span, after)), historiesAtOnce, (some) =>
      historyLines(db, some, named.bundles),
    ),
    policies: policiesOf(db, named.policies),
    bundles: bundlesOf(db, named.bundles),
    index: (counts): EvidenceIndex => ({
      format: formatName,
      asked,
      origin,
      size,
      span,
      edge: edge.map((hash) => hash.toString('base64')),
      counts,
    }),
  };
  return { parts, size, entries: picked.length + span.to - span.from };
}

/**
 * NB. What came after the newest checkpoint is not signed yet, so a file that goes up to it is about nothing later; and
 * whoever signed it may have been ahead of the store, so it is about no more than the store's newest entry shows.
 */
async function until(
  db: Db,
  toAt: number,
  { size, note }: { readonly size: number; readonly note: string },
  { to }: Places['span'],
): Promise<number> {
  const signed = parseCheckpoint(textOf(note));
  if (to < size || isRefusal(signed)) return toAt;
  const [newest] = await linesAt(db, [size - 1]);
  const read = newest?.line ? parseLine(newest.line) : undefined;
  const reachesAt = read && !isRefusal(read) ? read.atMs + 1 : -Infinity;
  return Math.min(toAt, signed.at, Math.max(reachesAt, signed.at - apartMs));
}

const originOf = (note: string): string => note.slice(0, note.indexOf('\n'));

/** Places in the order of the log, many at once. */
async function* allOf(
  before: readonly number[],
  { from, to }: Places['span'],
  after: readonly number[],
): AsyncGenerator<readonly number[]> {
  for (let at = 0; at < before.length; at += pageSize) yield before.slice(at, at + pageSize);
  for (let at = from; at < to; at += pageSize)
    yield Array.from({ length: Math.min(pageSize, to - at) }, (_, one) => at + one);
  for (let at = 0; at < after.length; at += pageSize) yield after.slice(at, at + pageSize);
}

async function* paged<One>(
  places: AsyncGenerator<readonly number[]>,
  size: number,
  read: (some: readonly number[]) => Promise<readonly One[]>,
): AsyncGenerator<One> {
  for await (const page of places)
    for (let at = 0; at < page.length; at += size) yield* await read(page.slice(at, at + size));
}

/** Lines as they are written, and the policies that they name on the way. */
const seenBy = ({ policies }: { readonly policies: Set<string> }, onProgress: (entries: number) => void) =>
  async function* (
    db: Db,
    before: readonly number[],
    span: Places['span'],
    after: readonly number[],
  ): AsyncGenerator<Buffer> {
    let count = 0;
    for await (const page of allOf(before, span, after)) {
      const lines = await linesAt(db, page);
      if (lines.length < page.length)
        throw new Stopped(`The log has no leaf for one of the places from ${page[0] ?? 0} on: it was changed.`);
      for (const one of lines) {
        const line = lineOf(one);
        if (judging.test(line.toString('latin1')))
          for (const [, hash = ''] of line.toString('latin1').matchAll(policyHash)) policies.add(hash);
        yield line;
      }
      count += lines.length;
      onProgress(count);
    }
  };
/** Kinds that were judged by a policy, and that by which one came to hold: the next one was judged by it. */
const judging = /"kind":"(?:request\.opened|claim\.accepted|extension\.asked|policy\.applied)"/;
const policyHash = /"(?:policy|hash)":"([0-9a-f]{64})"/g;

function lineOf({ index, line }: LineAt): Buffer {
  if (line) return line;
  throw new Stopped(
    `Entry ${index} is not in the store any more: it was retired, or somebody deleted it. Begin with what is left of the log.`,
  );
}

async function* hashesOf(db: Db, span: Places['span']): AsyncGenerator<Buffer> {
  for await (const page of allOf([], span, [])) yield Buffer.concat(await hashesAt(db, page));
}

/** A history may be long, so few are read at once; most entries name none. */
async function* exportsAmong(
  db: Db,
  places: AsyncGenerator<readonly number[]>,
): AsyncGenerator<readonly number[], undefined> {
  for await (const page of places) yield await placesOfHistories(db, page);
}

const proofsAtOnce = 200;
const keyOf = ({ level, index }: NodeId): string => `${level}/${index}`;

/** What many proofs are made of is read in one look. */
async function* proofsOf(db: Db, picked: readonly number[], size: number): AsyncGenerator<PlaceLine> {
  for (let at = 0; at < picked.length; at += proofsAtOnce) {
    const some = picked.slice(at, at + proofsAtOnce);
    const nodes = new Map(
      some.flatMap((place) => inclusionNodes(place, size).flat()).map((node) => [keyOf(node), node]),
    );
    const hashes = await readNodes(db, [...nodes.values()]);
    const known = new Map([...nodes.keys()].map((key, place) => [key, hashes[place]]));
    const read: ReadNodes = (asked) => Promise.resolve(asked.map((node) => known.get(keyOf(node)) ?? Buffer.alloc(0)));
    for (const index of some) {
      const proof = await proveInclusion(index, size, read);
      yield { index, proof: proof.map((hash) => hash.toString('base64')) };
    }
  }
}

async function historyLines(db: Db, places: readonly number[], bundles: Set<string>): Promise<readonly HistoryLine[]> {
  const rows = await historiesAt(db, places);
  for (const { bundle } of rows) if (bundle !== null) bundles.add(bundle);
  return rows;
}

async function* policiesOf(db: Db, hashes: ReadonlySet<string>): AsyncGenerator<{ hash: string; text: string }> {
  for (const hash of [...hashes].toSorted()) {
    const version = await byHash(db, hash as PolicyHash);
    if (version) yield { hash, text: version.text };
  }
}

async function* bundlesOf(db: Db, hashes: ReadonlySet<string>): AsyncGenerator<{ hash: string; bytes: Buffer }> {
  for (const hash of [...hashes].toSorted()) {
    const bytes = await bundleOf(db, hash);
    if (bytes) yield { hash, bytes };
  }
}
