/** Which script a kept history is replayed on: the one that ran it last, by what the history itself says. */
import { expect, test } from 'vitest';
import type { Replayer } from '../audit/replay/replay.ts';
import { SampleLog, sha256 } from './support/evidence.ts';
import { verdictOn } from './support/verified.ts';

/** Of a log whose one history was run by these scripts. @returns what check 4 says, and what was replayed on what */
async function replayed(scripts: readonly (string | undefined)[], change = (line: string) => line) {
  const log = new SampleLog();
  log.applyPolicy();
  const index = log.keep(log.whole(), scripts);
  log.lines[index] = Buffer.from(change(String(log.lines[index])));
  const on: string[] = [];
  const openReplay = (bundle: Uint8Array): Promise<Replayer> =>
    Promise.resolve({
      walled: true,
      replay: ({ history }) => {
        on.push(
          `${Buffer.from(bundle).toString('utf8')}: ${Buffer.from(history).equals(log.histories[0]?.bytes ?? Buffer.alloc(0))}`,
        );
        return Promise.resolve('same' as const);
      },
      close: () => Promise.resolve(),
    });
  const { checks } = await verdictOn(log, { openReplay });
  return { on, index, counts: checks[3]?.counts, wrong: checks[3]?.first.map((one) => `${one.index}: ${one.why}`) };
}

test('a Workflow that a newer script went on with is replayed whole on the newer one, and on that alone (I20)', async () => {
  const { on, counts, wrong } = await replayed(['old', 'old', 'new']);
  expect(wrong).toEqual([]);
  expect(on).toEqual(['new: true']);
  expect(counts).toMatchObject({ replayed: 1, 'histories that were gone on with by another script': 1 });
});

test('one that an older script came back to is replayed on that', async () => {
  const { on, wrong } = await replayed(['old', 'new', 'old']);
  expect({ on, wrong }).toEqual({ on: ['old: true'], wrong: [] });
});

test('a script that the history does not name is not run, whatever its entry says', async () => {
  const { on, index, wrong } = await replayed(['old', 'new'], (line) =>
    line.replace(`"bundle":"${sha256('new')}"`, `"bundle":"${sha256('old')}"`),
  );
  expect({ on, wrong }).toEqual({ on: [], wrong: [`${index}: Its entry names another script than its history does.`] });
});

test('a history that no script ran is told apart from one whose worker did not say by what', async () => {
  const none = await replayed([]);
  expect(none).toMatchObject({ on: [], wrong: [], counts: { 'histories that no script ran': 1 } });
  const silent = await replayed([undefined]);
  expect(silent).toMatchObject({
    on: [],
    wrong: [],
    counts: { 'histories of which no worker said by what script': 1 },
  });
});
