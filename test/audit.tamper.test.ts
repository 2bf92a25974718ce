/**
 * The past changed, in every way that we could think of (F48): each is found, and the right entry or member is named.
 * The log itself is as its writers made it, and signed; what is changed is what somebody who holds the database, or the
 * file, can change.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import yauzl from 'yauzl';
import { openEvidence } from '../audit/evidence/read.ts';
import { leafHash } from '../audit/merkle.ts';
import type { Replayer } from '../audit/replay/replay.ts';
import { verifyEvidence, type Verdict } from '../audit/verify/verify.ts';
import { isRefusal } from '../domain/errors.ts';
import {
  checkpointOf,
  keysOf,
  policyText,
  SampleLog,
  sha256,
  uuid,
  writeSample,
  type Written,
} from './support/evidence.ts';

const keys = keysOf();
let folder = '';
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curfew-tamper-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
const fresh = (): string => join(folder, `${(files += 1)}.zip`);

/** Every script does what its history says; which script and which history is asked is what is held to account here. */
const openReplay = (): Promise<Replayer> =>
  Promise.resolve({ walled: true, replay: () => Promise.resolve('same' as const), close: () => Promise.resolve() });

async function verify(path: string, checkpoint?: string, open = openReplay): Promise<Verdict | string> {
  const evidence = await openEvidence(path);
  if (isRefusal(evidence)) return evidence.message;
  try {
    return await verifyEvidence(evidence, {
      keys: [keys.verifier],
      openReplay: open,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    });
  } finally {
    evidence.close();
  }
}

async function verified(log: Written, checkpoint?: string, by = keys): Promise<Verdict> {
  const path = fresh();
  await writeSample(path, log, by);
  const verdict = await verify(path, checkpoint);
  if (typeof verdict === 'string') throw new Error(verdict);
  return verdict;
}

/** The first thing that does not hold, and by which check. */
function firstBad(verdict: Verdict): {
  readonly check: number;
  readonly index: number | null;
  readonly what: string;
  readonly why: string;
} {
  const bad = verdict.checks.flatMap(({ check, first }) => first.map((one) => ({ check, ...one })));
  const [first] = bad.toSorted((a, b) => a.check - b.check || (a.index ?? Infinity) - (b.index ?? Infinity));
  if (!first || verdict.holds) throw new Error('nothing was found');
  return first;
}

/** Index 0 the policy; then two whole requests, each opened, approved, claimed, granted, ended, and its history kept. */
function sample(): { readonly log: SampleLog; readonly whole: Written } {
  const log = new SampleLog();
  log.applyPolicy();
  for (let one = 0; one < 2; one += 1) log.keep(log.whole());
  return { log, whole: asWritten(log) };
}
const asWritten = ({ lines, receipts, histories, bundles, at }: SampleLog): Written => ({
  lines: [...lines],
  receipts: [...receipts],
  histories: [...histories],
  bundles: new Map(bundles),
  at,
  signed: lines.map(leafHash),
  leaves: lines.map(leafHash),
});
const at = <T>(all: readonly T[], index: number): T => {
  const one = all[index];
  if (one === undefined) throw new Error(`nothing at ${index}`);
  return one;
};
const put = (lines: readonly Buffer[], index: number, change: (line: string) => string): Buffer[] => {
  const changed = change(String(at(lines, index)));
  expect(changed).not.toBe(String(at(lines, index)));
  return lines.map((line, place) => (place === index ? Buffer.from(changed) : line));
};

test('the log holds as long as nobody changed it', async () => {
  expect(await verified(sample().whole)).toMatchObject({ holds: true, damaged: [] });
});

describe('rows of the database, changed by a superuser after they were signed', () => {
  test('an entry that was changed is named', async () => {
    const { whole } = sample();
    const lines = put(whole.lines, 4, (line) => line.replace('"memberships":1', '"memberships":2'));
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 4 });
  });

  test('an entry that was changed together with its leaf is named by the first place that the signed root leaves open', async () => {
    const { whole } = sample();
    const lines = put(whole.lines, 4, (line) => line.replace('"memberships":1', '"memberships":2'));
    const changed = { ...whole, lines, leaves: lines.map(leafHash), sizes: [4, 5, 13] };
    expect(firstBad(await verified(changed))).toMatchObject({
      check: 1,
      index: 4,
      why: expect.stringContaining('not what was signed') as string,
    });
  });

  test('an entry that was deleted is named', async () => {
    const { whole } = sample();
    const lines = whole.lines.filter((_, index) => index !== 2);
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 2 });
  });

  test('the last entry that was deleted is missed', async () => {
    const { whole } = sample();
    const lines = whole.lines.slice(0, -1);
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 12 });
  });

  test('an entry that was put in between is named', async () => {
    const { whole } = sample();
    const lines = whole.lines.toSpliced(3, 0, at(whole.lines, 2));
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 3 });
  });

  test('the first of two entries that changed places is named', async () => {
    const { whole } = sample();
    const lines = whole.lines.with(2, at(whole.lines, 3)).with(3, at(whole.lines, 2));
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 2 });
  });

  test('an entry whose instant was written anew is named', async () => {
    const { whole } = sample();
    const lines = put(whole.lines, 5, (line) => line.replace(/"at":"2026-03-02T10/, '"at":"2026-03-02T09'));
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 5 });
  });

  test('an approval that was moved to another request is named', async () => {
    const { log, whole } = sample();
    const other = String(at(log.lines, 7)).match(/"subject":"([^"]+)"\}$/)?.[1] ?? '';
    const lines = put(whole.lines, 2, (line) => line.replace(/"subject":"[^"]+"\}$/, `"subject":"${other}"}`));
    expect(firstBad(await verified({ ...whole, lines }))).toMatchObject({ check: 1, index: 2 });
  });

  test('a log that was cut off is shorter than what a witness kept', async () => {
    const { log } = sample();
    const kept = await checkpointOf(log.lines, 13, keys, log.at);
    const short = { ...asWritten(log), lines: log.lines.slice(0, 7) };
    const cut = {
      ...short,
      signed: short.lines.map(leafHash),
      leaves: short.lines.map(leafHash),
      receipts: log.receipts.slice(0, 2),
      histories: log.histories.slice(0, 1),
    };
    expect(await verified(cut)).toMatchObject({ holds: true });
    expect(firstBad(await verified(cut, kept))).toMatchObject({
      check: 1,
      what: 'the checkpoint that was given',
      why: expect.stringContaining('entries were cut off') as string,
    });
  });

  test('an older database that was restored, and went on otherwise, is a fork of what a witness kept', async () => {
    const { log } = sample();
    const kept = await checkpointOf(log.lines, 13, keys, log.at);
    const restored = new SampleLog();
    restored.applyPolicy();
    restored.keep(restored.whole());
    restored.at += 60_000;
    restored.keep(restored.whole());
    const longer = asWritten(restored);
    expect(await verified(longer)).toMatchObject({ holds: true });
    expect(firstBad(await verified(longer, kept)).why).toMatch(/fork/);
    restored.whole();
    expect(firstBad(await verified(asWritten(restored), kept)).why).toMatch(/not what was signed at 13 entries/);
  });
});

describe('what was written into the log, and signed, against what it says', () => {
  test('an approval that was moved to another request before it was signed is named', async () => {
    const { log } = sample();
    const [one, other] = [log.ask(), log.ask()];
    const index = log.decide(one.id);
    log.lines[index] = Buffer.from(
      String(log.lines[index]).replace(`"subject":"${one.id}"}`, `"subject":"${other.id}"}`),
    );
    const bad = firstBad(await verified(asWritten(log)));
    expect(bad).toMatchObject({ check: 3, index });
  });

  test('a digest, a plan and an amount that do not belong together are named', async () => {
    for (const [from, to] of [
      ['"durationMs":3600000', '"durationMs":7200000'],
      ['"template":"orders_read"', '"template":"orders_write"'],
      ['"groups":["engineers"]', '"groups":[]'],
    ] as const) {
      const { log } = sample();
      const { index } = log.ask();
      log.lines[index] = Buffer.from(String(log.lines[index]).replace(from, to));
      expect(firstBad(await verified(asWritten(log)))).toMatchObject({ check: 3, index });
    }
  });
});

describe('the file, changed by whoever had it', () => {
  test('a checkpoint that another key signed counts for nothing', async () => {
    const bad = firstBad(await verified(sample().whole, undefined, keysOf()));
    expect(bad).toMatchObject({
      check: 1,
      what: 'checkpoints.jsonl',
      why: expect.stringContaining('None of the given keys') as string,
    });
  });

  test('a policy in whose place another text stands is named by the first entry that was judged by it', async () => {
    const { whole } = sample();
    const text = policyText.replace('need: 1', 'need: 2');
    const policies = [{ hash: sha256(policyText), text }];
    expect(firstBad(await verified({ ...whole, policies }))).toMatchObject({
      check: 3,
      index: 1,
      why: expect.stringContaining('another text') as string,
    });
    expect(firstBad(await verified({ ...whole, policies: [] }))).toMatchObject({ check: 3, index: 1 });
  });

  test('a history with an event that was edited, or left out, is named by the entry that it was kept by', async () => {
    const { whole } = sample();
    const [first, second] = whole.histories;
    if (!first || !second) throw new Error('two histories');
    const edited = { ...second, bytes: Buffer.from(String(second.bytes).replace('"1"', '"2"')) };
    expect(firstBad(await verified({ ...whole, histories: [first, edited] }))).toMatchObject({ check: 4, index: 12 });
    expect(firstBad(await verified({ ...whole, histories: [second] }))).toMatchObject({ check: 4, index: 6 });
    const strange = firstBad(await verified({ ...whole, histories: [first, second, first] }));
    expect(strange).toMatchObject({ check: 4, what: 'histories.jsonl' });
  });

  test('a script that is another one than was recorded is not run, and named', async () => {
    const { whole } = sample();
    const hash = sha256('workflows');
    expect(firstBad(await verified({ ...whole, bundles: new Map([[hash, Buffer.from('hostile')]]) }))).toMatchObject({
      check: 4,
      index: 6,
    });
    expect(firstBad(await verified({ ...whole, bundles: new Map() }))).toMatchObject({ check: 4, index: 6 });
  });

  test('no script of a log that nobody signed is run at all', async () => {
    const { whole } = sample();
    let run = 0;
    const path = fresh();
    const lines = put(whole.lines, 6, (line) => line.replace('"events":2', '"events":3'));
    await writeSample(path, { ...whole, lines, leaves: lines.map(leafHash), sizes: [6, 13] }, keys);
    const evidence = await openEvidence(path);
    if (isRefusal(evidence)) throw new Error(evidence.message);
    await verifyEvidence(evidence, { keys: [keys.verifier], openReplay: () => ((run += 1), openReplay()) });
    evidence.close();
    expect(run).toBe(0);
  });

  test('a machine that can replay nothing is what is blamed for that, and no entry for what it says', async () => {
    const path = fresh();
    await writeSample(path, sample().whole, keys);
    const verdict = await verify(path, undefined, () => Promise.reject(new Error('no child was to be had')));
    if (typeof verdict === 'string') throw new Error(verdict);
    expect(firstBad(verdict)).toMatchObject({
      check: 4,
      index: 6,
      why: 'It was not replayed, for this machine could not: no child was to be had.',
    });
  });

  test('a receipt that was left out, changed, or put in is named', async () => {
    const { whole } = sample();
    const [first = Buffer.alloc(0), ...rest] = whole.receipts;
    expect(firstBad(await verified({ ...whole, receipts: rest }))).toMatchObject({ check: 5, index: 4 });
    expect(firstBad(await verified({ ...whole, receipts: whole.receipts.slice(0, -1) }))).toMatchObject({
      check: 5,
      index: 11,
    });
    const changed = Buffer.from(String(first).replace('"memberships":1', '"memberships":0'));
    expect(firstBad(await verified({ ...whole, receipts: [changed, ...rest] }))).toMatchObject({ check: 5, index: 4 });
    const strange = Buffer.from(String(first).replaceAll(uuid(0x1001), uuid(0x1009)));
    expect(firstBad(await verified({ ...whole, receipts: [first, ...rest, strange] }))).toMatchObject({
      check: 5,
      what: 'receipts.jsonl',
    });
  });

  test('hashes of leaves that are not one for each entry are named', async () => {
    const { whole } = sample();
    const leaves = whole.lines.map(leafHash);
    for (const other of [[], leaves.slice(0, -1), leaves.with(12, at(leaves, 12).subarray(1))])
      expect(firstBad(await verified({ ...whole, leaves: other }))).toMatchObject({ check: 1, what: 'leaves.bin' });
    const more = { ...whole, leaves: leaves.with(12, Buffer.concat([at(leaves, 12), at(leaves, 0)])) };
    expect(firstBad(await verified(more))).toMatchObject({ check: 1, what: 'leaves.bin' });
  });

  test('a picked entry that was changed, or has another place, is named', async () => {
    const { log } = sample();
    const picked = [0, 1, 2, 3, 4, 5, 6];
    const own = {
      ...asWritten(log),
      picked,
      span: { from: 0, to: 0 },
      receipts: log.receipts.slice(0, 2),
      histories: log.histories.slice(0, 1),
    };
    expect(await verified(own)).toMatchObject({ holds: true });
    const lines = put(own.lines, 3, (line) => line.replace('"ticketKey":"k1"', '"ticketKey":"k2"'));
    expect(firstBad(await verified({ ...own, lines }))).toMatchObject({ check: 1, index: 3 });
    const swapped = own.lines.with(2, at(own.lines, 3)).with(3, at(own.lines, 2));
    expect(firstBad(await verified({ ...own, lines: swapped }))).toMatchObject({ check: 1, index: 2 });
  });
});

/** Numbers that look drawn and are the same again (mulberry32). */
function drawn(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

type Region = { readonly name: string; readonly from: number; readonly to: number; readonly packed: boolean };

/** Where the bytes of each member stand in the file. */
async function regionsOf(path: string): Promise<readonly Region[]> {
  const zip = await yauzl.openPromise(path, { autoClose: false });
  const regions = [];
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry);
    regions.push({
      name: entry.fileName,
      from: fileDataStart,
      to: fileDataStart + entry.compressedSize,
      packed: entry.compressionMethod !== 0,
    });
  }
  zip.close();
  return regions;
}

test(
  'each of a thousand bits turned in a file is found, and the member and the entry that it is in are named',
  { timeout: 300_000 },
  async () => {
    const path = fresh();
    await writeSample(path, sample().whole, keys);
    const whole = await readFile(path);
    const regions = await regionsOf(path);
    const draw = drawn(48);
    const touched = new Set<string>();
    for (let turn = 0; turn < 1_000; turn += 1) {
      // Half of them anywhere; half in a member each, for the policy is most of the file.
      const member = turn % 2 === 0 ? undefined : at(regions, draw(regions.length));
      const place =
        member && member.to > member.from ? member.from + draw(member.to - member.from) : draw(whole.length);
      const turned = Buffer.from(whole);
      turned.writeUInt8(turned.readUInt8(place) ^ (1 << draw(8)), place);
      const file = fresh();
      await writeFile(file, turned);
      const verdict = await verify(file);
      const inside = regions.find(({ from, to }) => place >= from && place < to);
      touched.add(inside?.name ?? 'the archive itself');
      const told = typeof verdict === 'string' ? verdict : verdict.damaged.join();
      const context = `byte ${place} of ${inside?.name ?? 'the archive'}: ${told}`;
      if (typeof verdict !== 'string') expect(verdict.holds, context).toBe(false);
      // A compressed member ends in a few bits that mean nothing.
      if (inside && !(inside.packed && told === 'the archive itself')) expect(told, context).toContain(inside.name);
      else expect(told, context).not.toBe('');
      if (inside?.name === 'entries.jsonl' && typeof verdict !== 'string') {
        const index = whole.subarray(inside.from, place).filter((byte) => byte === 10).length;
        expect(firstBad(verdict), context).toMatchObject({ check: 1, index });
      }
      await rm(file);
    }
    expect([...touched].toSorted()).toEqual(
      [...regions.filter(({ from, to }) => to > from).map(({ name }) => name), 'the archive itself'].toSorted(),
    );
  },
);
