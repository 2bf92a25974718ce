/**
 * A second verifier, which shares no line with the first, says the same: of files, and of files and logs that somebody
 * changed (I11, F48). So what `docs/audit.md` says of a file is enough to check one by.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { signOpening } from '../audit/epoch.ts';
import { openEvidence } from '../audit/evidence/read.ts';
import { leafHash } from '../audit/merkle.ts';
import type { Replayer } from '../audit/replay/replay.ts';
import { verifyEvidence, type Verdict } from '../audit/verify/verify.ts';
import { oneOf, seeded } from '../dev/faults/seeded.ts';
import { isRefusal } from '../domain/errors.ts';
import { reaperEnded } from '../domain/events/grant.ts';
import { checkpointOf, keysOf, policy, SampleLog, uuid, writeSample, type Written } from './support/evidence.ts';
import { askMore, decideMore, moreMade } from './support/extending.ts';
import { scratchFolder } from './support/folder.ts';
import { verifyIndependently } from './support/independent-verifier.ts';
import { changes, membersOf, pack, pasts, type Members } from './support/tamperings.ts';
import { held, keys, wrongIn } from './support/verified.ts';

const replayer: Replayer = { walled: true, replay: () => Promise.resolve('same'), close: () => Promise.resolve() };

/** What Curfew's own verifier says, which runs no script here: each is as its history has it. */
async function ownVerdict(path: string, by: typeof keys, kept?: string): Promise<Verdict | string> {
  const evidence = await openEvidence(path);
  if (isRefusal(evidence)) return evidence.message;
  try {
    const checkpoint = kept === undefined ? {} : { checkpoint: kept };
    return await verifyEvidence(evidence, {
      keys: [by.verifier],
      openReplay: () => Promise.resolve(replayer),
      ...checkpoint,
    });
  } finally {
    evidence.close();
  }
}

/** Why one and the other refuse a file; undefined: it holds. */
type Words = {
  readonly own: string | undefined;
  readonly other: string | undefined;
  readonly open: readonly string[][];
};

async function wordsOn(path: string, by = keys, kept?: string): Promise<Words> {
  const own = await ownVerdict(path, by, kept);
  const other = await verifyIndependently(path, [by.verifier.text], kept);
  const ownWhy = typeof own === 'string' ? own : own.holds ? undefined : wrongIn(own).join('\n');
  const open = [
    typeof own === 'string' ? [] : own.open.map(({ request }) => request),
    other.holds ? [...other.open] : [],
  ];
  return { own: ownWhy, other: other.holds ? undefined : other.why, open };
}

/** Index 0 the policy; then two whole requests with their histories. */
function sample(): SampleLog {
  const log = new SampleLog();
  log.applyPolicy();
  for (let one = 0; one < 2; one += 1) log.keep(log.whole());
  return log;
}
const log = sample().written();
const first = { receipts: log.receipts.slice(0, 2), histories: log.histories.slice(0, 1), span: { from: 0, to: 0 } };
const files: Readonly<Record<string, Written>> = {
  'a whole log': log,
  'one request': { ...log, ...first, sizes: [4, 7, 13], picked: [0, 1, 2, 3, 4, 5, 6] },
  'the end of a log': { ...log, sizes: [7, 8, 11, 13], span: { from: 7, to: 13 }, picked: [0, 1, 2, 3, 4, 5, 6] },
};
const agreed = { own: undefined, other: undefined, open: [[], []] };
const refused = { own: expect.any(String) as string, other: expect.any(String) as string };

async function of(written: Written, kept?: string): Promise<Words> {
  const path = join(scratchFolder(), 'sample.zip');
  await writeSample(path, written, keys);
  return await wordsOn(path, keys, kept);
}

const afterAll = Date.parse('2026-03-03T08:00:01Z');

const opening = (began: number, lost: number, epoch = 2): string => {
  const reach = { size: lost, root: leafHash(Buffer.of(9)) };
  return signOpening({ origin: `curfew/${epoch}`, began, lost: reach, recovery: uuid(7) }, [keys.signer]);
};

describe('two verifiers say the same', () => {
  test.each(Object.entries(files))('of %s', async (_, written) => {
    expect(await of(written)).toEqual(agreed);
  });

  test('of one whose end nobody signed', async () => {
    expect(await of({ ...log, sizes: [10, 12], span: { from: 0, to: 13 } })).toMatchObject(refused);
    const asked = { kind: 'span', fromAt: '2026-03-02T08:00:00.000Z', toAt: '2026-03-02T09:00:01.000Z' } as const;
    const begun = { ...log, ...first, span: { from: 0, to: 7 }, index: { asked } };
    expect(await of({ ...begun, sizes: [7, 13] })).toEqual(agreed);
    expect(await of({ ...begun, sizes: [5, 13] })).toMatchObject(refused);
  });

  test('of one that is held against each checkpoint of it, or of another log', async () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];
    for (const size of sizes)
      expect(await of({ ...log, sizes }, await checkpointOf(log.lines, size, keys, 0))).toEqual(agreed);
    const forked = [...log.lines.slice(1), ...log.lines.slice(0, 1)];
    expect(await of(log, await checkpointOf(forked, 13, keys, 0))).toMatchObject(refused);
  });

  test('of what another key signed, of what two keys signed, and of what one of them did not', async () => {
    const [path, both] = [join(scratchFolder(), 'one.zip'), join(scratchFolder(), 'both.zip')];
    const next = keysOf();
    await writeSample(path, log, keys);
    expect(await wordsOn(path, next)).toMatchObject(refused);
    const members = await membersOf(path);
    await writeSample(both, log, next);
    const [ours, theirs] = [members, await membersOf(both)].map((file) =>
      String(file.get('checkpoints.jsonl'))
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { note: string }),
    );
    const signed = ours?.map((one, at) => ({ ...one, note: one.note + (theirs?.[at]?.note.split('\n\n')[1] ?? '') }));
    const lines = signed?.map((one) => `${JSON.stringify(one)}\n`).join('') ?? '';
    await pack(both, new Map(members).set('checkpoints.jsonl', Buffer.from(lines)));
    expect([await wordsOn(both), await wordsOn(both, next)]).toEqual([agreed, agreed]);
    const half = lines.replace(/(.*\n)/, (line) => line.replace(/\u2014 (?!.*\u2014)[^"]*"/, '"'));
    await pack(both, new Map(members).set('checkpoints.jsonl', Buffer.from(half)));
    expect(await wordsOn(both)).toEqual(agreed);
    expect(await wordsOn(both, next)).toMatchObject(refused);
  });

  test('of a log that was restored, with what was signed about that and without, and of a note of what was lost', async () => {
    const restored = { ...log, sizes: [7, 13], epochs: [1, 2], openings: [opening(8, 12)] };
    expect(await of(restored)).toEqual(agreed);
    for (const openings of [[], [opening(6, 12)], [opening(14, 15)], [opening(8, 12), opening(8, 12)]])
      expect(await of({ ...restored, openings })).toMatchObject(refused);
    const other = [...log.lines.slice(0, 8), ...log.lines.slice(9)];
    expect(await of(restored, await checkpointOf(other, 11, keys, 0))).toEqual(agreed);
    const less = { ...restored, openings: [opening(8, 11)] };
    expect(await of(less, await checkpointOf(other, 8, keys, 0))).toEqual(agreed);
    for (const size of [11, 12])
      expect(await of(less, await checkpointOf(other, size, keys, 0))).toMatchObject(refused);
  });

  test('of a note of what was lost twice: what the first recovery says counts, in whatever order they stand', async () => {
    const restored = { ...log, sizes: [7, 13], epochs: [1, 3] };
    const other = [...log.lines.slice(0, 8), ...log.lines.slice(9)];
    const note = await checkpointOf(other, 11, keys, 0);
    const [short, long] = [opening(8, 9), opening(8, 12)];
    for (const [second, third] of [
      [short, opening(8, 12, 3)],
      [long, opening(8, 9, 3)],
    ] as const)
      for (const openings of [
        [second, third],
        [third, second],
      ])
        expect(await of({ ...restored, openings }, note)).toMatchObject(second === long ? agreed : refused);
  });

  test('of a period before which everything was retired, as the log says, or less than that', async () => {
    const asked = { kind: 'span', fromAt: '2026-03-02T08:00:00.000Z', toAt: '2026-03-03T08:00:00.000Z' } as const;
    const retired = (to: number): Written => {
      const one = sample();
      const body = { before: asked.fromAt, firstId: 1, lastId: to, from: 0, to, entries: to };
      one.append({ kind: 'log.retired', actor: 'curfew_admin', subject: 'log', body }, 'curfew_admin');
      const kept = { receipts: one.receipts.slice(2), histories: one.histories.slice(1), signedAts: [0, afterAll] };
      return { ...one.written(), ...kept, sizes: [7, 14], span: { from: 7, to: 14 }, index: { asked } };
    };
    expect(await of(retired(7))).toEqual(agreed);
    expect(await of(retired(6))).toMatchObject(refused);
  });

  test('of a grant that was extended, with the receipt of it and without', async () => {
    const { log: longer, id } = held();
    const asked = askMore(longer, id);
    decideMore(longer, id, asked, 'approve');
    moreMade(longer, id, asked);
    longer.at = asked.endAt;
    longer.end(id);
    const all = longer.written();
    expect(all.receipts).toHaveLength(3);
    expect(await of(all)).toEqual(agreed);
    const without = { ...all, receipts: all.receipts.toSpliced(1, 1) };
    expect(await of(without)).toMatchObject(refused);
    const instead = (word: string): Written => ({
      ...without,
      lines: longer.lines.map((line) =>
        line.includes('"kind":"extension.made"')
          ? Buffer.from(String(line).replace(/,"receipt":"([0-9a-f]{64})"/, word))
          : line,
      ),
    });
    expect(await of(instead(',"evidence":"$1"'))).toEqual(agreed);
    for (const word of ['', ',"receipt":null', ',"evidence":"none"'])
      expect(await of(instead(word))).toMatchObject(refused);
    const another = longer.lines.map((line) =>
      line.includes('"kind":"extension.asked"')
        ? Buffer.from(String(line).replaceAll(policy.hash, 'f'.repeat(64)))
        : line,
    );
    expect(await of({ ...all, lines: another })).toMatchObject(refused);
  });

  test('of a grant that goes on, of one that the reaper ended, and of one that nobody did', async () => {
    const { log: going, id, endAt } = held();
    expect(await of(going.written())).toEqual({ ...agreed, open: [[id], [id]] });
    const late = { ...going.written(), signedAts: [endAt, endAt + 20 * 60_000] };
    expect(await of(late)).toMatchObject(refused);
    const node = { node: 'a:5432', standby: false, sessionsFound: 0, canLogin: false, ended: true, verifiedAt: endAt };
    const told = { cluster: 'main', cause: 'due' as const, grantId: id, outcome: 'disabled', sessionsClosed: 0 };
    const ended = (sessionsLeft: number): Written => {
      const { log: one } = held();
      one.at = endAt;
      const said = { ...told, foundAt: endAt, startedAt: endAt, verifiedAt: endAt, nodes: [{ ...node, sessionsLeft }] };
      one.append(reaperEnded('curfew_reaper', id, said), 'curfew_reaper');
      return { ...one.written(), signedAts: [endAt + 1, endAt + 20 * 60_000] };
    };
    expect(await of(ended(0))).toEqual(agreed);
    expect(await of(ended(1))).toMatchObject(refused);
  });
});

const turns = 200;

test(
  'two hundred files of which somebody changed a member are refused by both or by neither',
  { timeout: 300_000 },
  async () => {
    const path = join(scratchFolder(), 'changed.zip');
    const written: Members[] = [];
    for (const file of Object.values(files)) {
      await writeSample(path, file, keys);
      written.push(await membersOf(path));
      await rm(path);
    }
    const random = seeded(9162);
    const apart: string[] = [];
    let found = 0;
    for (let turn = 0; turn < turns;) {
      const members = oneOf(random, written as [Members, ...Members[]]);
      const name = oneOf(random, [...members.keys()] as [string, ...string[]]);
      const [what, make] = oneOf(random, changes);
      const before = members.get(name) ?? Buffer.alloc(0);
      const changed = make(before, random);
      if (changed?.equals(before)) continue;
      turn += 1;
      const after = new Map(members);
      if (changed) after.set(name, changed);
      else after.delete(name);
      await pack(path, after);
      const { own, other } = await wordsOn(path);
      await rm(path);
      if (other !== undefined) found += 1;
      // NB. evidence.json proves nothing: in what form it is, where all that it says is so, is Curfew's to mind.
      const same = (own === undefined) === (other === undefined) || (name === 'evidence.json' && other === undefined);
      if (!same) apart.push(`turn ${turn}, ${name}, ${what}: own: ${own}; other: ${other}`);
    }
    expect(apart).toEqual([]);
    expect(found).toBeGreaterThan(turns / 2);
  },
);

test('what the other one refuses of two hundred signed logs, Curfew refuses too', { timeout: 300_000 }, async () => {
  const path = join(scratchFolder(), 'signed.zip');
  const random = seeded(6962);
  const apart: string[] = [];
  let found = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const [what, make] = oneOf(random, pasts);
    await writeSample(path, { ...log, ...make(log, random) }, keys);
    const { own, other } = await wordsOn(path);
    await rm(path);
    if (other !== undefined) found += 1;
    if (other !== undefined && own === undefined) apart.push(`turn ${turn}, ${what}: ${other}`);
  }
  expect(apart).toEqual([]);
  expect(found).toBeGreaterThan(turns / 4);
});
