/**
 * Another verifier of an evidence file, written from `docs/audit.md`, RFC 9162 and C2SP's notes alone: it shares no line
 * with Curfew's own, so that what both of them say rests on neither. It shows that the log is signed, that each entry is
 * in it, that the file has what the entries name by a hash, and that every grant came to its end. It judges no decision,
 * runs no script, and holds the whole file in memory.
 */
import yauzl from 'yauzl';
import {
  checkpointOf,
  hashes,
  hexOf,
  isContinued,
  isIncluded,
  keyOf,
  leafOf,
  must,
  openingOf,
  Tree,
  type Checkpoint,
  type Key,
  type Opening,
} from './independent-proofs.ts';

type Node = { readonly ended: boolean; readonly sessionsLeft: number; readonly canLogin: boolean };
type Receipt = { readonly kind?: string; readonly requestId?: string; readonly nodes?: readonly Node[] };
/** Of a body, what is looked at here: `receipt`, `evidence`, `sha256`, `policy`, `hash` and `bundle` are SHA-256 in hex. */
type Body = Receipt & {
  readonly [hash in 'receipt' | 'evidence' | 'sha256' | 'policy' | 'hash' | 'workflow' | 'run' | 'grantId']?: string;
} & {
  readonly endAt?: number;
  readonly epoch?: number;
  readonly to?: number;
  readonly plan?: { readonly policy?: string };
  readonly bundle?: string | null;
};
type Entry = {
  readonly index: number;
  readonly at: string;
  readonly kind: string;
  readonly subject: string;
  readonly body: Body;
};
type Index = {
  readonly format: string;
  readonly asked: { readonly request?: string; readonly fromAt?: string; readonly toAt?: string };
  readonly span: { readonly from: number; readonly to: number };
  readonly edge: readonly string[];
};
type CheckpointLine = { readonly note: string; readonly consistency: readonly string[] };
type PlaceLine = { readonly index: number; readonly proof: readonly string[] };

type Signed = { readonly checkpoints: readonly Checkpoint[]; readonly openings: readonly Opening[] };

/**
 * Each checkpoint is signed, and goes on from the one before; an epoch begins where a key says that it does, and nothing
 * is left in the file of what was lost by then.
 */
function signedIn(file: Members, keys: readonly Key[]): Signed {
  const lines = file.lines('checkpoints.jsonl').map((line) => read(line) as CheckpointLine);
  const checkpoints = lines.map(({ note }) => checkpointOf(keys, note));
  const notes = file.lines('epochs.jsonl').map((line) => (read(line) as CheckpointLine).note);
  const all = notes.map((note) => openingOf(keys, note));
  const openings = all.filter(({ log }) => log === checkpoints[0]?.log);
  must(new Set(openings.map(({ epoch }) => epoch)).size === openings.length, 'an epoch begins twice');
  for (const [at, one] of checkpoints.entries()) {
    const before = checkpoints[at - 1] ?? one;
    const isBegun = one.epoch === before.epoch || openings.some(({ epoch }) => epoch === one.epoch);
    must(isBegun && one.epoch >= before.epoch && one.log === before.log, `checkpoint ${at} is of another log`);
    for (const { epoch, began } of openings) {
      must(one.epoch >= epoch || one.size <= began, `checkpoint ${at} is of what was lost`);
      must(one.epoch !== epoch || one.size >= began, `checkpoint ${at} is from before its epoch`);
    }
    const proof = hashes(lines[at]?.consistency ?? []);
    must(before === one || isContinued(before, one, proof), `checkpoint ${at} does not go on from the one before it`);
  }
  return { checkpoints, openings };
}

/** Was this one lost, as far as the first later epoch that went on with less says that it had been signed? */
function isLost(seen: Checkpoint, openings: readonly Opening[]): boolean {
  const later = openings.filter(({ epoch, began }) => epoch > seen.epoch && began < seen.size);
  const lost = later.toSorted((one, other) => one.epoch - other.epoch)[0]?.lost ?? { size: 0, root: seen.root };
  return seen.size < lost.size || (seen.size === lost.size && seen.root.equals(lost.root));
}

type Members = {
  readonly names: readonly string[];
  readonly bytes: (name: string) => Buffer;
  readonly lines: (name: string) => readonly Buffer[];
};

const read = (line: Buffer): unknown => JSON.parse(line.toString('utf8'));

async function membersOf(path: string): Promise<Members> {
  const members = new Map<string, Buffer>();
  const zip = await yauzl.openPromise(path, { autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) {
      must(!members.has(entry.fileName), `there are two of ${entry.fileName}`);
      members.set(entry.fileName, Buffer.concat(await (await zip.openReadStreamPromise(entry)).toArray()));
    }
  } finally {
    zip.close();
  }
  const bytes = (name: string): Buffer => members.get(name) ?? Buffer.alloc(0);
  function lines(name: string): Buffer[] {
    const [all, found] = [bytes(name), [] as Buffer[]];
    for (let from = 0, to = 0; from < all.length; from = to + 1) {
      to = all.indexOf('\n', from);
      must(to >= 0, `${name} breaks off`);
      found.push(all.subarray(from, to));
    }
    return found;
  }
  return { names: [...members.keys()], bytes, lines };
}

/** Each entry is in the log at its place: those that were picked by a proof each, the others as all there is between. */
function entriesOf(
  file: Members,
  { span, edge }: Index,
  newest: Checkpoint,
  roots: readonly Checkpoint[],
): readonly Entry[] {
  const [lines, leaves] = [file.lines('entries.jsonl'), file.bytes('leaves.bin')];
  const places = file.lines('places.jsonl').map((line) => read(line) as PlaceLine);
  const length = span.to - span.from;
  const before = length > 0 ? places.filter(({ index }) => index < span.from).length : places.length;
  const within = lines.slice(before, before + length);
  const indexes = places.map(({ index }) => index).toSpliced(before, 0, ...within.map((_, at) => span.from + at));
  must(lines.length === indexes.length && within.length === length, 'entries and places are not as many');
  must(
    indexes.every((index, at) => at === 0 || index > (indexes[at - 1] ?? 0)),
    'entries are out of order',
  );

  const tree = length > 0 ? new Tree(span.from, hashes(edge)) : new Tree(0, []);
  const heads = Map.groupBy(roots, ({ size }) => size);
  for (const [at, line] of within.entries()) {
    const [index, leaf] = [span.from + at, leafOf(line)];
    must(
      leaf.equals(leaves.subarray(32 * at, 32 * at + 32)),
      `entry ${index} is not the one that was put into the log`,
    );
    tree.push(leaf);
    const signed = heads.get(index + 1) ?? [];
    const root = signed.length > 0 ? tree.root() : undefined;
    must(!root || signed.every((one) => one.root.equals(root)), `up to entry ${index} the log is not what was signed`);
    must(root || index + 1 < span.to, 'nobody signed the end of the period');
  }
  must(leaves.length === 32 * length, 'leaves.bin has leaves without an entry');
  for (const [at, { index, proof }] of places.entries()) {
    const line = lines[at < before ? at : at + length] as Buffer;
    must(isIncluded(leafOf(line), index, newest, hashes(proof)), `entry ${index} is not in the log`);
  }
  return lines.map((line, at) => ({ ...(read(line) as Entry), index: indexes[at] ?? 0 }));
}

/** Of a log that nobody had signed before it was restored: its own word. */
const epochOf = ({ kind, body }: Entry): number => (kind === 'store.recovered' ? (body.epoch ?? 0) : 0);

/** The file is about all of what it says: the whole request, or from an entry before the period to one after it. */
function isAbout({ asked, span }: Index, entries: readonly Entry[], { size, at }: Checkpoint): boolean {
  if (asked.request !== undefined)
    return entries.some(({ kind, subject }) => kind === 'request.opened' && subject === asked.request);
  const [fromAt, toAt] = [Date.parse(asked.fromAt ?? ''), Date.parse(asked.toAt ?? '')];
  const atOf = (place: number): number => Date.parse(entries.find(({ index }) => index === place)?.at ?? '');
  const isWhole = atOf(span.to - 1) >= toAt || (span.to === size && toAt <= at);
  const isRetired = entries.some(({ kind, body }) => kind === 'log.retired' && (body.to ?? 0) >= span.from);
  const isBegun = span.from === 0 || atOf(span.from) < fromAt || isRetired;
  return span.to > span.from && isBegun && isWhole;
}

/** The policy that an entry was judged by, or that came to hold by it. */
const policyOf: Readonly<Record<string, (body: Body) => string>> = {
  'request.opened': ({ policy }) => String(policy),
  'claim.accepted': ({ policy }) => String(policy),
  'extension.asked': ({ plan }) => String(plan?.policy),
  'policy.applied': ({ hash }) => String(hash),
};

/** What entries name by a hash is in the file, and nothing else. @returns the receipts, by their hashes */
function namedIn(file: Members, entries: readonly Entry[]): ReadonlyMap<string | undefined, Receipt> {
  for (const name of file.names) {
    const [, hash] = /^(?:policies|bundles)\/(.*)\.(?:yaml|js)$/.exec(name) ?? [];
    must(hash === undefined || hexOf(file.bytes(name)) === hash, `${name} has another hash`);
  }
  for (const { index, kind, body } of entries) {
    const policy = policyOf[kind]?.(body);
    must(
      policy === undefined || file.names.includes(`policies/${policy}.yaml`),
      `there is no policy of entry ${index}`,
    );
  }

  const exported = entries.filter(({ kind }) => kind === 'history.exported');
  const histories = file.lines('histories.jsonl');
  for (const [at, { index, body }] of exported.entries()) {
    const { workflow, run, sha256, bundle } = body;
    const tail = Buffer.from(`,"run":${JSON.stringify(run)},"workflow":${JSON.stringify(workflow)}}`);
    const line = histories[at] ?? Buffer.alloc(0);
    const isNamed =
      line.subarray(-tail.length).equals(tail) && (!bundle || file.names.includes(`bundles/${bundle}.js`));
    const isSame = hexOf(line.subarray('{"history":'.length, -tail.length)) === sha256;
    must(isNamed && isSame, `history or script of entry ${index} is missing or another`);
  }
  must(histories.length === exported.length, 'there are histories that no entry names');

  const receipts = file.lines('receipts.jsonl');
  const named = entries.filter(({ kind, body }) => kindOf(kind, body) !== undefined);
  for (const [at, { index, body }] of named.entries())
    must(
      hexOf(receipts[at] ?? Buffer.alloc(0)) === body.receipt,
      `the receipt of entry ${index} is missing or another`,
    );
  must(receipts.length === named.length, 'there are receipts that no entry names');
  return new Map(receipts.map((line) => [hexOf(line), read(line) as Receipt]));
}

/** Of an entry's receipt; undefined: it has none, as older extensions have not. */
function kindOf(kind: string, { receipt, evidence }: Body): string | undefined {
  const isOlder = receipt === undefined && /^[0-9a-f]{64}$/.test(evidence ?? '');
  return { 'grant.made': 'grant', 'grant.ended': 'revoke', 'extension.made': isOlder ? undefined : 'extension' }[kind];
}

const isNothingLeft = ({ nodes = [] }: Receipt): boolean =>
  nodes.length > 0 && nodes.every(({ ended, sessionsLeft, canLogin }) => ended && sessionsLeft === 0 && !canLogin);

/** Every grant came to its end, by a receipt or the reaper's own word. @returns requests whose end was yet to come */
function openIn(
  entries: readonly Entry[],
  receipts: ReadonlyMap<string | undefined, Receipt>,
  signedAt: number,
): readonly string[] {
  const reachedAt = Math.max(signedAt - 15 * 60_000, ...entries.slice(-1).map(({ at }) => Date.parse(at)));
  const bySubject = Map.groupBy(entries, ({ subject }) => subject);
  return entries.flatMap(({ index, kind, subject, body }) => {
    const wanted = kindOf(kind, body);
    const receipt = receipts.get(body.receipt);
    const fits = receipt?.kind === wanted && receipt?.requestId === subject;
    must(!wanted || fits, `the receipt of entry ${index} is missing or of something else`);
    if (kind !== 'grant.made') return [];
    const all = bySubject.get(subject) ?? [];
    const ends = all.flatMap((one) => (one.kind === 'grant.ended' ? (receipts.get(one.body.receipt) ?? []) : []));
    const words = all.filter((one) => one.kind === 'reaper.ended' && one.body.grantId === subject);
    if ([...ends, ...words.map((one) => one.body)].some(isNothingLeft)) return [];
    const endAt = all.findLast((one) => one.kind === 'extension.made')?.body.endAt ?? body.endAt ?? 0;
    must(ends.length === 0 && endAt + 30_000 >= reachedAt, `the grant of entry ${index} did not end`);
    return [subject];
  });
}

/** `open`: requests whose grants went on when the log was signed last. */
export type Verdict =
  { readonly holds: true; readonly open: readonly string[] } | { readonly holds: false; readonly why: string };

/**
 * @param keyTexts public keys as they are handed out
 * @param kept a note that a witness has kept
 */
export async function verifyIndependently(path: string, keyTexts: readonly string[], kept?: string): Promise<Verdict> {
  try {
    const [file, keys] = [await membersOf(path), keyTexts.map(keyOf)];
    const index = read(file.bytes('evidence.json')) as Index;
    must(index.format === 'curfew-evidence-2', 'this file has another form');
    const { checkpoints, openings } = signedIn(file, keys);
    const [newest, seen] = [checkpoints.at(-1), kept === undefined ? [] : [checkpointOf(keys, kept)]];
    must(newest, 'nothing is signed');
    const still = seen.filter((one) => !isLost(one, openings));
    const entries = entriesOf(file, index, newest, [...checkpoints, ...still]);
    const isMet = ({ size, root }: Checkpoint): boolean =>
      (size > index.span.from && size <= index.span.to) ||
      checkpoints.some((one) => one.size === size && one.root.equals(root));
    must(
      still.every((one) => one.log === newest.log && one.epoch <= newest.epoch && isMet(one)),
      'the log is not the one that was kept',
    );
    const isKnown = [...openings.map(({ epoch }) => epoch), ...entries.map(epochOf)].includes(newest.epoch);
    const isRetired = entries.some(({ kind }) => kind === 'log.retired');
    must(newest.epoch === 1 || isKnown || isRetired, 'nobody signed how the last epoch began');
    must(isAbout(index, entries, newest), 'the file is about less than it says');
    return { holds: true, open: openIn(entries, namedIn(file, entries), newest.at) };
  } catch (error) {
    return { holds: false, why: error instanceof Error ? error.message : String(error) };
  }
}
