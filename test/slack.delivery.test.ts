/** What reaches the app besides honest clicks: repeats, forgeries, other people's payloads, slow and broken stores. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Message } from '../dev/slack/driver.ts';
import { refuse } from '../domain/errors.ts';
import type { Digest, RequestId } from '../domain/ids.ts';
import type { Decided, ReviewModel } from '../service/contract.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { button, content, row, section } from '../slack/views/kit.ts';
import { mrkdwn } from '../slack/text.ts';
import { eventually } from './support/eventually.ts';
import { people, startSlackDesk, type SlackDesk } from './support/slack-desk.ts';

let desk: SlackDesk;
beforeAll(async () => {
  desk = await startSlackDesk();
});
afterAll(() => desk.end());

const requestId = '11111111-2222-4333-8444-555555555555' as RequestId;
const line = 'orders-prod read 2h because x';
const opened = {
  requestId,
  plan: { verdict: 'automatic', rule: 'r', limits: { maxMs: 1, useWithinMs: 1 } },
  repeated: false,
  confirmed: true,
};
const model = {
  requestId,
  kind: 'access',
  requester: people['ana'],
  target: 'orders-prod',
  databases: ['orders'],
  role: 'read',
  template: 'orders_read',
  durationMs: 7_200_000,
  ticket: null,
  reason: 'x',
  plan: opened.plan,
  digest: 'd'.repeat(64) as Digest,
  openedAt: 1_700_000_000_000,
  decisions: [],
  held: [],
  privileges: null,
  startAt: null,
  view: { state: { kind: 'awaiting', needs: [], stage: 0, approvals: [] } },
  adds: [],
  reciprocal: [],
  standsInFor: new Map(),
  you: null,
} as unknown as ReviewModel;

beforeEach(() => {
  desk.records.down = false;
  desk.service.answers('open', async () => opened as never);
  desk.service.answers('revoke', async () => ({ already: false, confirmed: true }));
  desk.service.answers('reviewModel', async () => model);
  desk.service.answers('overview', async () => refuse('NotRecorded', 'Nothing is known.'));
  desk.service.answers(
    'decide',
    async () => ({ decided: 'recorded', confirmed: true, view: {} }) as unknown as Decided,
  );
});

/** A message of ours with this button, which the records know as of this request. */
async function posted(action: string, id = requestId, placed = true): Promise<Message> {
  const shows = content(mrkdwn`A message`, section(mrkdwn`A message`), row(button(action, 'Press', id)));
  const at = await desk.slack.desk.port.post({ channel: desk.workspace.channelId('approvals'), ...shows });
  if (placed) desk.records.post(at, requestId);
  return { ...shows, ...at, ephemeral: false };
}
const audited = (why: string): number => desk.records.entries.filter((entry) => entry.body['why'] === why).length;
const heard = (user: string, pattern: RegExp, since: number): Promise<Message> =>
  desk.driver.eventually(`${user} hears ${String(pattern)}`, () => {
    const all = desk.driver.ephemerals(user);
    return all.slice(0, all.length - since).find((message) => pattern.test(JSON.stringify(message)));
  });

describe('the same delivery again', () => {
  test.each([false, true])(
    'a command five times (together: %s) has one effect and five equal answers',
    async (together) => {
      const before = desk.service.count('open');
      const { replies } = await desk.driver.slash('ana', command, line, { times: 5, together });
      expect(desk.service.count('open')).toBe(before + 1);
      expect(new Set(replies.map((reply) => reply.text)).size).toBe(1);
      expect(replies[0]?.text).toContain('Sent');
    },
  );

  test.each([false, true])('a press five times (together: %s) has one effect and is told once', async (together) => {
    const message = await posted(actions.endNow);
    const before = desk.service.count('revoke');
    const told = desk.driver.ephemerals('ben').length;
    const { replies } = await desk.driver.press('ben', message, actions.endNow, { times: 5, together });
    await heard('ben', /ends now/, told);
    expect([desk.service.count('revoke'), desk.driver.ephemerals('ben').length]).toEqual([before + 1, told + 1]);
    expect(replies.every((reply) => reply.status === 200)).toBe(true);
  });

  test.each([false, true])(
    'a decision five times (together: %s) is one decision, and each answer is the first',
    async (together) => {
      await desk.driver.press('ben', await posted(actions.review), actions.review);
      await desk.driver.waitForModal('ben', callbacks.decide);
      desk.service.answers('decide', async () => refuse('NotPending', 'This request is closed: denied.'));
      const before = desk.service.count('decide');
      const { replies } = await desk.driver.submit('ben', { [blocks.verdict]: 'approve' }, { times: 5, together });
      expect(desk.service.count('decide')).toBe(before + 1);
      expect(new Set(replies.map((reply) => reply.text)).size).toBe(1);
      expect(replies[4]?.text).toContain('closed: denied');
      await desk.driver.close('ben');
    },
  );

  test('the very bytes of an old delivery get the first answer, whoever sends them', async () => {
    const { request, reply } = await desk.driver.slash('ana', command, line);
    const before = desk.service.count('open');
    expect((await desk.driver.replay(request)).text).toBe(reply.text);
    expect(desk.service.count('open')).toBe(before);
  });

  test('two clicks are two deliveries: what makes them one decision is the service', async () => {
    const message = await posted(actions.endNow);
    const before = desk.service.count('revoke');
    await Promise.all([
      desk.driver.press('ben', message, actions.endNow),
      desk.driver.press('ben', message, actions.endNow),
    ]);
    expect(desk.service.count('revoke')).toBe(before + 2);
  });

  test('a form that is sent again after a field error is no repeat', async () => {
    await desk.driver.press('ben', await posted(actions.review), actions.review);
    await desk.driver.waitForModal('ben', callbacks.decide);
    expect((await desk.driver.submit('ben', {}, { unchecked: true })).action).toBe('errors');
    expect((await desk.driver.submit('ben', { [blocks.verdict]: 'approve' })).action).toBe('closed');
  });
});

describe('forgeries', () => {
  const forged = [
    ['a wrong signature', { signature: 'wrong' }],
    ['a garbled signature', { signature: 'garbled' }],
    ['an empty signature', { signature: 'empty' }],
    ['no signature', { signature: 'missing' }],
    ['a stamp of 5:01 minutes ago', { ageMs: 301_000 }],
    ['a stamp 5:01 minutes ahead', { ageMs: -302_000 }],
    ['a stamp of a year ahead', { ageMs: -31_536_000_000 }],
  ] as const;
  test.each(forged)('%s does nothing', async (_what, forgery) => {
    const before = desk.service.calls.length;
    const { reply } = await desk.driver.slash('ana', command, line, forgery);
    expect([reply.status, reply.text]).toEqual([401, '']);
    expect(desk.service.calls.length).toBe(before);
  });

  test.each([299_000, -298_000])('a stamp %i ms old is still taken', async (ageMs) => {
    expect((await desk.driver.slash('ana', command, line, { ageMs })).reply.status).toBe(200);
  });

  test('forgeries are audited, and cannot fill the audit log', () => {
    expect(audited('signature')).toBe(1);
  });
});

describe('what is not ours', () => {
  test.each([
    ['another workspace', 'other-team', { team: 'T0OTHER' }],
    ['another app', 'other-app', { app: 'A0OTHER' }],
  ] as const)('a delivery for %s is refused, audited and answered', async (_what, why, forgery) => {
    const before = desk.service.calls.length;
    const entries = audited(why);
    const { reply } = await desk.driver.slash('ana', command, line, forgery);
    expect(reply.text).toMatch(/serves another workspace or app.*Reference/);
    const message = await posted(actions.endNow);
    const told = desk.driver.ephemerals('ben').length;
    await desk.driver.press('ben', message, actions.endNow, forgery);
    await heard('ben', /serves another workspace/, told);
    expect([desk.service.calls.length, audited(why)]).toEqual([before, entries + 2]);
  });

  test('a click from a shared channel by somebody of another workspace is nobody’s', async () => {
    const message = await posted(actions.endNow);
    const told = desk.driver.ephemerals('ben').length;
    const before = desk.service.calls.length;
    await desk.driver.press('ben', message, actions.endNow, {
      edit: (payload) => ({ ...payload, user: { ...(payload['user'] as object), team_id: 'T0OTHER' } }),
    });
    await heard('ben', /linked to nobody/, told);
    expect(desk.service.calls.length).toBe(before);
  });

  const origins: readonly [what: string, edit: (payload: Record<string, unknown>) => Record<string, unknown>][] = [
    [
      'a message that we never posted',
      (payload) => ({
        ...payload,
        container: { ...(payload['container'] as object), message_ts: '1.000001' },
        message: { ts: '1.000001' },
      }),
    ],
    [
      'a channel that it never was in',
      (payload) => ({
        ...payload,
        channel: { id: 'C0ELSEWHERE' },
        container: { ...(payload['container'] as object), channel_id: 'C0ELSEWHERE' },
      }),
    ],
    ['two places at once', (payload) => ({ ...payload, channel: { id: 'C0ELSEWHERE' } })],
    [
      'a container that says otherwise',
      (payload) => ({ ...payload, container: { ...(payload['container'] as object), channel_id: 'C0ELSEWHERE' } }),
    ],
    ['a message that says otherwise', (payload) => ({ ...payload, message: { ts: '1.000001' } })],
    ['another request than its message is of', (payload) => withValue(payload, '99999999-2222-4333-8444-555555555555')],
    ['no request at all', (payload) => withValue(payload, '../../etc/passwd')],
    ['a prototype key', (payload) => withValue(payload, '__proto__')],
  ];
  test.each(origins)('a button from %s is refused and audited', async (_what, edit) => {
    const message = await posted(actions.endNow);
    const told = desk.driver.ephemerals('ben').length;
    const entries = audited('foreign-message');
    const before = desk.service.calls.length;
    await desk.driver.press('ben', message, actions.endNow, { edit });
    await heard('ben', /not on a message that Curfew keeps/, told);
    expect([desk.service.calls.length, audited('foreign-message')]).toEqual([before, entries + 1]);
  });
});

test('a button that is pressed before the store knows where its message stands is taken', async () => {
  const message = await posted(actions.endNow, requestId, false);
  const before = desk.service.calls.length;
  const pressed = desk.driver.press('ben', message, actions.endNow);
  await eventually('its place is looked for', () => desk.records.asked.includes(message.ts));
  desk.records.post(message, requestId);
  await pressed;
  expect(desk.service.calls.slice(before)).toMatchObject([{ name: 'revoke', input: { requestId } }]);
});

const withValue = (payload: Record<string, unknown>, value: string): Record<string, unknown> => ({
  ...payload,
  actions: (payload['actions'] as object[]).map((action) => ({ ...action, value })),
});

describe('nothing ends in silence', () => {
  test('an unknown button is answered', async () => {
    const message = await posted('request:bribe');
    const told = desk.driver.ephemerals('ben').length;
    const { reply } = await desk.driver.press('ben', message, 'request:bribe');
    expect([reply.status, reply.ms < 3_000]).toEqual([200, true]);
    await heard('ben', /knows no such button.*Reference/, told);
  });

  test('an unknown command, form and shortcut are answered', async () => {
    expect((await desk.driver.slash('ana', '/other', '')).reply.text).toContain('knows no such');
    const told = (await desk.driver.dms('ana')).length;
    await desk.driver.shortcut('ana', 'other:shortcut');
    await desk.driver.eventually('a direct message', async () => (await desk.driver.dms('ana')).length > told || null);
    await desk.driver.press('ben', await posted(actions.review), actions.review);
    await desk.driver.waitForModal('ben', callbacks.decide);
    const sent = await desk.driver.submit(
      'ben',
      { [blocks.verdict]: 'approve' },
      {
        edit: (payload) => ({ ...payload, view: { ...(payload['view'] as object), callback_id: 'other' } }),
      },
    );
    expect(sent.action).toBe('errors');
    await desk.driver.close('ben');
  });

  test('a use case that throws is told with a reference that stands in the log, and nothing of the error', async () => {
    desk.service.answers('open', async () => {
      throw new Error('password=hunter2');
    });
    const { reply } = await desk.driver.slash('ana', command, line);
    const found = /Reference ([0-9a-f]{8})/.exec(reply.text)?.[1];
    expect(reply.text).not.toContain('hunter2');
    expect(desk.log.lines).toContainEqual(
      expect.objectContaining({ level: 'error', fields: expect.objectContaining({ reference: found }) }),
    );
  });

  test('a trigger that is too old to open anything is told', async () => {
    const mend = desk.workspace.recorder.fault({
      methods: ['views.open'],
      kind: 'refused',
      error: 'expired_trigger_id',
    });
    const message = await posted(actions.review);
    const told = desk.driver.ephemerals('ben').length;
    await desk.driver.press('ben', message, actions.review);
    await heard('ben', /Slack did not take/, told);
    mend();
  });

  test('without a usable response_url it is told in a direct message', async () => {
    const message = await posted('request:bribe');
    const before = (await desk.driver.dms('ben')).length;
    await desk.driver.press('ben', message, 'request:bribe', { edit: ({ response_url: _url, ...payload }) => payload });
    await desk.driver.eventually(
      'a direct message',
      async () => (await desk.driver.dms('ben')).length > before || null,
    );
  });

  test('a store that is down is said as "not recorded", wherever the click came from', async () => {
    const message = await posted(actions.endNow);
    await desk.driver.press('ben', await posted(actions.review), actions.review);
    await desk.driver.waitForModal('ben', callbacks.decide);
    desk.records.down = true;
    expect((await desk.driver.slash('ana', command, line)).reply.text).toMatch(/Not recorded.*Press again/);
    expect((await desk.driver.submit('ben', { [blocks.verdict]: 'approve' })).errors[blocks.verdict]).toContain(
      'Not recorded',
    );
    const told = desk.driver.ephemerals('ben').length;
    await desk.driver.press('ben', message, actions.endNow);
    await heard('ben', /Not recorded/, told);
    desk.records.down = false;
    expect((await desk.driver.submit('ben')).action).toBe('closed');
  });

  test('a form that comes again while the first is at work for too long is not closed as though it had been taken', async () => {
    await desk.driver.press('ben', await posted(actions.review), actions.review);
    await desk.driver.waitForModal('ben', callbacks.decide);
    const begun = vi.spyOn(desk.records, 'begin').mockResolvedValue('busy');
    const sent = await desk.driver.submit('ben', { [blocks.verdict]: 'approve' });
    begun.mockRestore();
    expect(sent.errors[blocks.verdict]).toContain('may not be recorded');
    await desk.driver.close('ben');
  });

  test('what takes too long is answered within three seconds, and its outcome is told afterwards', async () => {
    let finish: (() => void) | undefined;
    const until = new Promise<void>((resolve) => {
      finish = resolve;
    });
    desk.service.answers('open', async () => {
      await until;
      return opened as never;
    });
    const told = desk.driver.ephemerals('ana').length;
    const { reply } = await desk.driver.slash('ana', command, line);
    expect(reply.ms).toBeLessThan(3_000);
    expect(reply.text).toContain('longer than it should');
    finish?.();
    await heard('ana', /Sent: /, told);
  });
});

describe('payloads that are none', () => {
  const form = 'application/x-www-form-urlencoded';
  const bodies: readonly [what: string, body: string, type: string][] = [
    ['nothing', '', form],
    ['no JSON', 'payload=%7Bnot', form],
    ['null', 'payload=null', form],
    ['a list', 'payload=%5B%5D', form],
    ['a number', 'payload=7', form],
    ['an action without a user', `payload=${encodeURIComponent('{"type":"block_actions","actions":[{}]}')}`, form],
    ['a form without a view', `payload=${encodeURIComponent('{"type":"view_submission","user":{"id":"U"}}')}`, form],
    ['a command without a team', 'command=%2Fcurfew&text=help', form],
    ['prototype keys', `payload=${encodeURIComponent('{"__proto__":{"type":"block_actions"},"constructor":1}')}`, form],
    ['deep nesting', `payload=${'%5B'.repeat(50_000)}`, form],
    ['JSON of another kind', '{"type":"unheard-of"}', 'application/json'],
    ['no type at all', 'x', 'text/plain'],
  ];
  test.each(bodies)('%s: answered at once, and nothing happens', async (_what, body, type) => {
    const before = desk.service.calls.length;
    const reply = await desk.driver.sendRaw(body, type);
    expect(reply.status).toBeLessThan(500);
    expect(reply.ms).toBeLessThan(3_000);
    expect(desk.service.calls.length).toBe(before);
  });

  test('a body of many megabytes is refused', async () => {
    expect((await desk.driver.sendRaw(`payload=${'x'.repeat(5_000_000)}`, form)).status).toBe(413);
  });

  test('any JSON at all is answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const reply = await desk.driver.sendRaw(`payload=${encodeURIComponent(JSON.stringify(value))}`, form);
        expect(reply.status).toBeLessThan(500);
      }),
      { numRuns: 60 },
    );
  });

  test('signed payloads with any part replaced by rubbish are answered, and none throws', async () => {
    const message = await posted(actions.endNow);
    const parts = [
      'user',
      'team',
      'container',
      'channel',
      'message',
      'actions',
      'trigger_id',
      'response_url',
      'api_app_id',
      'type',
    ];
    const before = desk.log.lines.filter((one) => one.level === 'error').length;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parts), fc.jsonValue(), async (part, value) => {
        const { reply } = await desk.driver.press('ben', message, actions.endNow, {
          edit: (payload) => ({ ...payload, [part]: value }),
        });
        expect(reply.status).toBe(200);
      }),
      { numRuns: 80 },
    );
    expect(
      desk.log.lines
        .filter((one) => one.level === 'error')
        .slice(before)
        .map((one) => (one.fields as { err?: Error }).err?.stack ?? one.message),
    ).toEqual([]);
  });
});
