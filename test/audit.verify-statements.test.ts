/** Statements in an evidence file are what the log has the hashes of: whatever was done to one is found and named (F48). */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import yauzl from 'yauzl';
import { openEvidence } from '../audit/evidence/read.ts';
import { readStatement, statementBytes, type StatementLine } from '../audit/evidence/statement-line.ts';
import { verifyEvidence, type Verdict } from '../audit/verify/verify.ts';
import { isRefusal } from '../domain/errors.ts';
import { logRetired, personErased } from '../domain/events/retention.ts';
import { people, SampleLog, writeSample } from './support/evidence.ts';
import { done, salt, sample, session, written } from './support/statements.ts';
import { countsOf, keys, verdictOn, wrongIn } from './support/verified.ts';

const openReplay = () => Promise.reject(new Error('nothing is replayed here'));
const foundIn = (verdict: Verdict) =>
  verdict.checks[4]?.first.map(({ index, what, why }) => ({ index: index ?? what, why }));
const at = (lines: readonly StatementLine[], index: number): StatementLine => {
  const line = lines[index];
  if (!line) throw new Error(`no line ${index}`);
  return line;
};

const intoSalt = (text: string): string => Buffer.concat([salt, Buffer.from(text)]).toString('base64');

/** Of a session that was told of late, once all that stood before this place was retired; the text is gone. */
async function retired(to: number): Promise<Verdict> {
  const log = new SampleLog();
  log.applyPolicy();
  const lines = session(log, log.whole(), '1.a', [[done(2, 'select ?')]]).map((line) => ({ ...line, kept: null }));
  const from = log.lines.length - 1;
  const said = { before: new Date(log.at).toISOString(), firstId: 1, lastId: to, from: 0, to, entries: to };
  log.append(logRetired('curfew_admin', 'log', said), 'curfew_admin');
  return verdictOn({ ...written(log, lines), receipts: [], span: { from, to: from + 2 }, picked: [0] });
}

describe('the statements of a file', () => {
  test('hold as they were told of, and are counted', async () => {
    const { log, lines } = sample();
    const verdict = await verdictOn(written(log, lines));
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ sessions: 3, statements: 7 });
    expect(countsOf(verdict)).not.toHaveProperty('statements that are not in this file');
  });

  test('need not be in it: then it is counted how many there were', async () => {
    const { log } = sample();
    const verdict = await verdictOn(log.written());
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'statements that are not in this file': 7 });
  });

  test('are missed where the whole member was taken away, and the file says that it has them', async () => {
    const { log } = sample();
    const counts = { entries: 18, picked: 0, checkpoints: 2, policies: 1, receipts: 4, histories: 0, bundles: 0 };
    const verdict = await verdictOn({ ...log.written(), index: { counts: { ...counts, statements: 7 } } });
    expect(foundIn(verdict)).toEqual([
      { index: 'statements.jsonl', why: 'evidence.json says that it is in this file, and it is not.' },
    ]);
  });

  type Lines = readonly StatementLine[];
  type Change = (
    lines: Lines,
    entries: readonly number[],
  ) => { readonly lines: Lines; readonly bad: readonly (readonly [number, RegExp])[] };
  const changes: readonly (readonly [string, Change])[] = [
    [
      'whose text was changed',
      (lines, [first = 0]) => ({
        lines: lines.with(1, {
          ...at(lines, 1),
          kept: { parameters: '$1 = ?', salt: salt.toString('base64'), text: 'select 1' },
        }),
        bad: [[first, /^The text of its line 3 is another one than it says\.$/]],
      }),
    ],
    [
      'whose parameters were taken away',
      (lines, [first = 0]) => ({
        lines: lines.with(1, {
          ...at(lines, 1),
          kept: { parameters: null, salt: salt.toString('base64'), text: 'update orders set state = ?' },
        }),
        bad: [[first, /^The text of its line 3 is another one/]],
      }),
    ],
    [
      'whose beginning was moved into its salt',
      (lines, [, , third = 0]) => ({
        lines: lines.with(4, {
          ...at(lines, 4),
          kept: { parameters: null, salt: intoSalt('select '), text: 'now()' },
        }),
        bad: [[third, /^The text of its line 2 is another one than it says\.$/]],
      }),
    ],
    [
      'whose text was moved into its salt as a whole',
      (lines, [, , third = 0]) => ({
        lines: lines.with(4, { ...at(lines, 4), kept: { parameters: null, salt: intoSalt('select now()'), text: '' } }),
        bad: [[third, /^The text of its line 2 is another one than it says\.$/]],
      }),
    ],
    [
      'whose text is its own hash, beside a salt that is none',
      (lines, [, , third = 0]) => ({
        lines: lines.with(4, {
          ...at(lines, 4),
          kept: { parameters: null, salt: '?', text: at(lines, 4).statement.text ?? '' },
        }),
        bad: [[third, /^The text of its line 2 is another one than it says\.$/]],
      }),
    ],
    [
      'whose text was changed together with its hash',
      (lines, [first = 0]) => ({
        lines: lines.with(0, { entry: first, ...done(2, 'select 1') }),
        bad: [[first, /^A statement of its lines 2 to 3 in statements\.jsonl is another one than it says\.$/]],
      }),
    ],
    [
      'whose instant was changed',
      (lines, [, second = 0]) => ({
        lines: lines.with(2, { ...at(lines, 2), statement: { ...at(lines, 2).statement, at: 1 } }),
        bad: [[second, /^A statement of its lines 5 to 7/]],
      }),
    ],
    [
      'that was added',
      (lines, [, , third = 0]) => ({
        lines: lines.toSpliced(5, 0, { entry: third, ...done(3, 'rollback') }),
        bad: [[third, /^Of its line 2 it knows 1 statement, and 2 stand in statements\.jsonl\.$/]],
      }),
    ],
    [
      'that was added to an entry that has no hash of any',
      (lines) => ({
        lines: [{ entry: 1, ...done(2, 'select 1') }, ...lines],
        bad: [[1, /^It has not the hash of a statement that stands in statements\.jsonl as its own\.$/]],
      }),
    ],
    [
      'that was taken away',
      (lines, [first = 0]) => ({
        lines: lines.toSpliced(0, 1),
        bad: [[first, /^Of its lines 2 to 3 it knows 2 statements, and 1 stand/]],
      }),
    ],
    [
      'that was taken away with all of its session',
      (lines, [, , third = 0]) => ({
        lines: lines.filter(({ entry }) => entry !== third),
        bad: [[third, /^Of its line 2 it knows 1 statement, and 0 stand/]],
      }),
    ],
    [
      'that was moved to another session',
      (lines, [, , third = 0, fourth = 0]) => ({
        lines: lines.with(5, { ...at(lines, 5), entry: third }),
        bad: [
          [third, /^Of its line 2 it knows 1 statement, and 2 stand/],
          [fourth, /^Of its lines 2 to 4 it knows 2 statements, and 1 stand/],
        ],
      }),
    ],
    [
      'that changed places with the one after it',
      (lines, [first = 0]) => ({
        lines: [at(lines, 1), at(lines, 0), ...lines.slice(2)],
        bad: [[first, /^A statement of its lines 2 to 3/]],
      }),
    ],
    [
      'whose text is gone, with nobody erased',
      (lines, [, , third = 0, fourth = 0]) => ({
        lines: lines.with(4, { ...at(lines, 4), kept: null }).with(5, { ...at(lines, 5), kept: null }),
        bad: [
          [third, /^The texts of 1 statement from here on are gone, and no entry erases their person\.$/],
          [fourth, /^The texts of 1 statement/],
        ],
      }),
    ],
  ];
  test.each(changes)('of which one %s do not hold, and the entry is named', async (_, change) => {
    const { log, lines, entries } = sample();
    const { lines: changed, bad } = change(lines, entries);
    const verdict = await verdictOn(written(log, changed));
    expect(foundIn(verdict)).toEqual(bad.map(([index, why]) => ({ index, why: expect.stringMatching(why) as string })));
  });

  test('with a line in another form do not hold: nothing is hidden in one', async () => {
    const { log, lines, entries } = sample();
    const whole = lines.map(statementBytes);
    const odd = String(whole[0]).replace('{"entry"', '{"also":"select 1","entry"');
    const verdict = await verdictOn({ ...log.written(), statements: whole.with(0, Buffer.from(odd)) });
    expect(foundIn(verdict)).toEqual([
      { index: entries[0], why: expect.stringContaining('1 stand in statements.jsonl') as string },
      { index: 'statements.jsonl', why: 'It has a line that is no statement.' },
    ]);
    for (const line of ['', '{}', '[]', 'null', '{"entry":1,"kept":null,"statement":null}', '{"entry":-1}'])
      expect(readStatement(Buffer.from(line)), line).toBeUndefined();
  });

  test('of somebody who was erased have no text, and an entry of the log that says why', async () => {
    const { log, lines } = sample();
    const erased = lines.map((line) => ({ ...line, kept: null }));
    expect(foundIn(await verdictOn(written(log, erased)))).toHaveLength(2);
    log.append(personErased('somebody', people.requester.id, { rows: 3, because: 'case 12' }), 'curfew_directory');
    const verdict = await verdictOn(written(log, erased));
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ statements: 7, 'statements without the text of who was erased': 6 });
  });

  test('whose request was retired may be of somebody who was erased: they are counted', async () => {
    const verdict = await retired(7);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'statements without a text, whose request was retired': 1 });
    expect(wrongIn(await retired(0))).toEqual([expect.stringContaining('no entry erases their person')]);
  });

  test('are not excused by the erasure of somebody else', async () => {
    const { log, lines, entries } = sample();
    log.append(personErased('somebody', people.owner.id, { rows: 3, because: 'case 12' }), 'curfew_directory');
    const gone = lines.with(4, { ...at(lines, 4), kept: null });
    expect(foundIn(await verdictOn(written(log, gone)))).toMatchObject([{ index: entries[2] }]);
  });
});

describe('a bit of a statement', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'curfew-statements-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test(
    'that was turned is found, wherever it is: the member is named, and the entry where its line can be read',
    { timeout: 300_000 },
    async () => {
      const { log, lines } = sample();
      const path = join(folder, 'whole.zip');
      await writeSample(path, written(log, lines), keys);
      const whole = await readFile(path);
      const zip = await yauzl.openPromise(path, { autoClose: false });
      const member = { from: 0, to: 0 };
      for await (const entry of zip.eachEntry()) {
        if (entry.fileName !== 'statements.jsonl') continue;
        member.from = (await zip.readLocalFileHeaderPromise(entry)).fileDataStart;
        member.to = member.from + entry.compressedSize;
      }
      zip.close();
      expect(member.to - member.from).toBe(
        lines.map((line) => statementBytes(line).byteLength + 1).reduce((a, b) => a + b),
      );
      for (let place = member.from; place < member.to; place += 29) {
        const turned = Buffer.from(whole);
        turned.writeUInt8(turned.readUInt8(place) ^ (1 << (place % 8)), place);
        const file = join(folder, 'turned.zip');
        await writeFile(file, turned);
        const evidence = await openEvidence(file);
        if (isRefusal(evidence)) throw new Error(evidence.message);
        const verdict = await verifyEvidence(evidence, { keys: [keys.verifier], openReplay });
        evidence.close();
        const before = whole.subarray(member.from, place).filter((byte) => byte === 10).length;
        expect(verdict, `byte ${place}`).toMatchObject({ holds: false, damaged: ['statements.jsonl'] });
        const named = verdict.checks[4]?.first.map(({ index }) => index);
        expect(named, `byte ${place} of line ${before}`).toContain(lines[before]?.entry);
      }
    },
  );
});
