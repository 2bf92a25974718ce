/** Whether a grant ended in time, by whose word, and who was told where it did not (I2, I9, I16, I17). */
import { describe, expect, test } from 'vitest';
import { endAsked, reaperEnded } from '../domain/events/grant.ts';
import { alarmRaised, alarmResolved } from '../domain/events/operation.ts';
import type { RequestId } from '../domain/ids.ts';
import { people, SampleLog } from './support/evidence.ts';
import { countsOf, held, verdictOn, wrongIn } from './support/verified.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const revoked = { outcome: 'revoked' as 'released' };
const quiet = /5: It ended \d+ s after it should have, and nobody was told/;

/** At this instant somebody is told, by a login that may. */
function alarm(log: SampleLog, at: number, subject: string, code: string, key = `${code}/${subject}`): void {
  log.at = at;
  log.append(alarmRaised('curfew_reaper', subject, { key, code }), 'curfew_reaper');
}
function over(log: SampleLog, at: number, subject: string, key: string): void {
  log.at = at;
  log.append(alarmResolved('curfew_reaper', subject, { key }), 'curfew_reaper');
}

const dated = (log: SampleLog, index: number, at: number): void => {
  log.lines[index] = Buffer.from(
    String(log.lines[index]).replace(/"at":"[^"]+"/, `"at":"${new Date(at).toISOString().slice(0, -1)}421Z"`),
  );
  log.at = at;
};

describe('a grant that ends ten hours late', () => {
  test('holds, and is counted, where somebody was told within a minute', async () => {
    const { log, id, endAt } = held();
    alarm(log, endAt + 40 * second, id, 'revoke-late');
    log.end(id, { lateMs: 10 * hour });
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'ended later, with an alarm': 1 });
  });

  test('holds where somebody was told that its cluster cannot be reached, and knew it still', async () => {
    const { log, id, endAt } = held();
    alarm(log, endAt - hour / 2, 'main', 'reaper-blind');
    log.end(id, { lateMs: 10 * hour });
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds where its cluster went away more than once, and somebody was told within a minute each time', async () => {
    const { log, id, endAt } = held();
    alarm(log, endAt - minute, 'main', 'reaper-silent', 'silent');
    over(log, endAt + hour, 'main', 'silent');
    alarm(log, endAt + hour + 50 * second, id, 'revoke-late', 'late');
    log.end(id, { lateMs: 10 * hour });
    over(log, endAt + 10 * hour + second, id, 'late');
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('holds with the alarm of any cluster where the log is older than its word on which one a target is in', async () => {
    const { log, id, endAt } = held();
    const place = log.lines.length - 1;
    const older = String(log.lines[place]).replace('"cluster":"main",', '');
    expect(older).not.toBe(String(log.lines[place]));
    log.lines[place] = Buffer.from(older);
    alarm(log, endAt - hour / 2, 'elsewhere', 'reaper-silent');
    log.end(id, { lateMs: 10 * hour });
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test.each(['null', '7', '""', '["elsewhere"]'])(
    'does not hold with the alarm of any cluster where its own is %s',
    async (cluster) => {
      const { log, id, endAt } = held();
      const place = log.lines.length - 1;
      log.lines[place] = Buffer.from(String(log.lines[place]).replace('"cluster":"main"', `"cluster":${cluster}`));
      alarm(log, endAt - hour / 2, 'elsewhere', 'reaper-silent');
      log.end(id, { lateMs: 10 * hour });
      expect(wrongIn(await verdictOn(log))).toEqual([
        '5: It does not say in which cluster its target is.',
        expect.stringMatching(quiet),
      ]);
    },
  );

  const strange: readonly [string, (log: SampleLog, id: RequestId, endAt: number) => void][] = [
    ['something else about it', (log, id, endAt) => alarm(log, endAt + second, id, 'extension-refused')],
    ['it hours later', (log, id, endAt) => alarm(log, endAt + 5 * hour, id, 'revoke-late')],
    [
      'what was over long before its end',
      (log, id, endAt) => {
        alarm(log, endAt - hour / 2, id, 'revoke-late', 'before');
        over(log, endAt - hour / 3, id, 'before');
      },
    ],
    [
      'a cluster that answered again before its end',
      (log, _, endAt) => {
        alarm(log, endAt - hour / 2, 'main', 'reaper-blind', 'blind');
        over(log, endAt - hour / 3, 'main', 'blind');
      },
    ],
    [
      'a cluster that answered again hours before it ended',
      (log, _, endAt) => {
        alarm(log, endAt - hour / 2, 'main', 'reaper-blind', 'blind');
        over(log, endAt + second, 'main', 'blind');
      },
    ],
    [
      'what was over, and began again hours later',
      (log, id, endAt) => {
        alarm(log, endAt + 40 * second, id, 'revoke-late', 'late');
        over(log, endAt + hour, id, 'late');
        alarm(log, endAt + 5 * hour, id, 'revoke-late', 'late');
      },
    ],
    [
      'another cluster than the one it is in',
      (log, _, endAt) => {
        alarm(log, endAt - hour / 2, 'elsewhere', 'reaper-blind');
        alarm(log, endAt + second, 'elsewhere', 'reaper-silent');
      },
    ],
    ['another request', (log, _, endAt) => alarm(log, endAt + second, 'somebody-else', 'revoke-late')],
  ];
  test.each(strange)('does not hold where all that somebody was told is %s', async (_, tell) => {
    const { log, id, endAt } = held();
    tell(log, id, endAt);
    log.end(id, { lateMs: 10 * hour });
    expect(wrongIn(await verdictOn(log)).join()).toMatch(quiet);
  });
});

describe('what is ended because somebody asked', () => {
  test.each(['left', 'suspended', 'revoked'])('may take a minute: %s', async (cause) => {
    const { log, id } = held();
    log.append(endAsked('curfew_directory', id, { cause }));
    log.at += 44 * second;
    log.end(id, revoked);
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'ended within a minute of being asked to': 1 });
  });

  test('may not take longer, unless somebody is told', async () => {
    const { log, id } = held();
    log.append(endAsked(people.requester.id, id, { cause: 'released' }));
    log.at += 61 * second;
    log.end(id, { outcome: 'released' });
    expect(wrongIn(await verdictOn(log)).join()).toMatch(quiet);
  });

  test('and is asked for late changes nothing of its own end', async () => {
    const { log, id, endAt } = held();
    log.at = endAt + 29 * second;
    log.append(endAsked('curfew_directory', id, { cause: 'left' }));
    log.at += 15 * second;
    log.end(id, revoked);
    expect(wrongIn(await verdictOn(log)).join()).toMatch(quiet);
  });
});

describe('the instant that the writer of an end names', () => {
  test('is counted where it was written down hours later', async () => {
    const { log, id, endAt } = held();
    dated(log, log.end(id), endAt + 5 * hour);
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({
      'ends that were written down over a minute from when they were verified': 1,
    });
  });

  test('is not believed against the store where its clock runs ahead (F33)', async () => {
    const { log, id, endAt } = held();
    dated(log, log.end(id, { lateMs: 10 * minute }), endAt + second);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });
});

describe('what the reaper ended itself, with Temporal or the worker down across the end (F5, F7, F10, F11)', () => {
  const node = { node: 'a:5432', standby: false, sessionsFound: 1, sessionsLeft: 0, canLogin: false, ended: true };
  function reaped(
    log: SampleLog,
    id: RequestId,
    at: number,
    more: Partial<typeof node> = {},
    verifiedAt: number = at,
  ): void {
    log.at = at;
    const said = { cluster: 'main', cause: 'due' as const, foundAt: at, grantId: id, outcome: 'disabled' };
    const nodes = [{ ...node, verifiedAt, ...more }];
    log.append(
      reaperEnded('curfew_reaper', id, { ...said, startedAt: at, verifiedAt, sessionsClosed: 1, nodes }),
      'curfew_reaper',
    );
  }

  test.each([
    ['long before its grant', -hour],
    ['at no instant at all', Number.NaN],
  ])('was not over where the reaper says that it saw so %s, whose entry is named (I2)', async (_, after) => {
    const { log, id } = held();
    const grantedAt = log.at;
    reaped(log, id, grantedAt + minute, {}, Number.isNaN(after) ? ('then' as unknown as number) : grantedAt + after);
    log.end(id, { lateMs: 10 * hour });
    const { checks } = await verdictOn(log);
    expect(checks[4]?.first[0]).toMatchObject({
      index: log.lines.findIndex((line) => line.includes('"reaper.ended"')),
      why: 'It ended before it was granted.',
    });
  });

  test('was not over before its grant either where the reaper says so first', async () => {
    const log = new SampleLog();
    log.applyPolicy();
    const { id } = log.ask();
    log.decide(id);
    log.claim(id);
    reaped(log, id, log.at, {}, log.at - hour);
    log.grant(id);
    expect(wrongIn(await verdictOn(log)).join()).toMatch(/5: It ended before it was granted/);
  });

  test('may have been over a moment before the store was told that it was granted', async () => {
    const log = new SampleLog();
    log.applyPolicy();
    const { id } = log.ask();
    log.decide(id);
    log.claim(id);
    reaped(log, id, log.at + second);
    log.grant(id);
    log.end(id);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });

  test('was over in time, however late its Workflow says so', async () => {
    const { log, id, endAt } = held();
    reaped(log, id, endAt + second);
    log.end(id, { lateMs: 5 * minute });
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'ended within 30 s': 1 });
  });

  test('is over though nobody has closed it yet, and does not count as open', async () => {
    const { log, id, endAt } = held();
    reaped(log, id, endAt + second);
    log.at += hour;
    log.ask();
    const verdict = await verdictOn(log);
    expect(wrongIn(verdict)).toEqual([]);
    expect(verdict.open).toEqual([]);
    expect(countsOf(verdict)).toMatchObject({ 'over, and not closed yet': 1 });
  });

  test('is late where the reaper was late, or where a node had something left', async () => {
    const late = held();
    reaped(late.log, late.id, late.endAt + 2 * minute);
    late.log.end(late.id, { lateMs: 5 * minute });
    expect(wrongIn(await verdictOn(late.log)).join()).toMatch(/It ended 120 s after/);
    for (const left of [{ sessionsLeft: 1 }, { canLogin: true }, { ended: false }]) {
      const { log, id, endAt } = held();
      reaped(log, id, endAt + second, left);
      log.end(id, { lateMs: 5 * minute });
      expect(wrongIn(await verdictOn(log)).join()).toMatch(/It ended 300 s after/);
    }
  });
});

const opened = (log: SampleLog, id: RequestId, openedAt: number): number =>
  log.append(
    { kind: 'session.opened', actor: 'curfew_collector', subject: id, body: { openedAt } },
    'curfew_collector',
  );
const backdated = (log: SampleLog, id: RequestId, endAt: number): number => {
  const index = log.end(id);
  dated(log, index, endAt + 2 * hour);
  return index;
};

describe('a session that the collector tells of', () => {
  test('shows that what its worker says was over in time was not', async () => {
    const { log, id, endAt } = held();
    const opening = opened(log, id, endAt + hour);
    backdated(log, id, endAt);
    dated(log, opening, endAt + hour + second);
    log.at = endAt + 2 * hour;
    expect(wrongIn(await verdictOn(log))).toEqual([expect.stringMatching(quiet)]);
  });

  test('shows it also where it is told of after the end was written down', async () => {
    const { log, id, endAt } = held();
    backdated(log, id, endAt);
    opened(log, id, endAt + hour);
    log.append({
      kind: 'request.closed',
      actor: 'curfew_worker',
      subject: id,
      body: { outcome: 'expired', cause: 'x' },
    });
    opened(log, id, endAt + hour);
    const late = '5: It began after nothing was left of its grant.';
    expect(wrongIn(await verdictOn(log)).filter((why) => why.startsWith('5'))).toEqual([late, late]);
  });

  test('shows nothing against a worker whose clock is ten minutes behind (F33)', async () => {
    const { log, id, endAt } = held();
    opened(log, id, endAt - 2 * minute);
    const index = log.end(id, { lateMs: -10 * minute });
    dated(log, index, endAt + second);
    opened(log, id, endAt - minute);
    expect(wrongIn(await verdictOn(log))).toEqual([]);
  });
});

test('an end that was verified before its grant was written down is none', async () => {
  const { log, id } = held();
  log.at -= 16 * minute;
  log.release(id);
  const index = log.end(id, { outcome: 'released' });
  dated(log, index, log.at + 17 * minute);
  expect(wrongIn(await verdictOn(log)).join()).toMatch(/5: It ended before it was granted/);
});

const ahead = (log: SampleLog) => ({ ...log.written(), at: log.at + 10 * minute });

describe('a signer whose clock is ten minutes ahead (F33)', () => {
  test('makes no grant bad that ends after that', async () => {
    const { log, endAt } = held();
    log.at = endAt - minute;
    log.ask();
    const verdict = await verdictOn(ahead(log));
    expect(wrongIn(verdict)).toEqual([]);
    expect(verdict.open).toHaveLength(1);
  });

  test('hides no grant that had to be over by when the store wrote its newest entry, nor a quarter of an hour before', async () => {
    const { log, endAt } = held();
    log.at = endAt + minute;
    log.ask();
    expect(wrongIn(await verdictOn(log)).join()).toContain('no entry says that nothing is left of it');
    const quietly = held();
    const later = { ...quietly.log.written(), at: quietly.endAt + 16 * minute };
    expect(wrongIn(await verdictOn(later)).join()).toContain('no entry says that nothing is left of it');
  });
});
