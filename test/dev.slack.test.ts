import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDriver, type Driver } from '../dev/slack/driver.ts';
import { startWorkspace, type SlackSeed, type Workspace } from '../dev/slack/workspace.ts';
import { startTinyApp, type TinyApp } from './support/bolt.ts';

const seed: SlackSeed = {
  team: { name: 'Harbour', domain: 'harbour' },
  users: [
    { name: 'ines', realName: 'Ines', email: 'ines@harbour.example' },
    { name: 'omar', realName: 'Omar', email: 'omar@harbour.example' },
  ],
  channels: [{ name: 'access' }, { name: 'ops', isPrivate: true }],
  scopes: ['chat:write', 'commands', 'im:write', 'users:read'],
  botToken: 'xoxb-tiny',
  signingSecret: 'a signing secret',
};

/** Enough of a validator to show that every way to Slack passes it. */
const validate = ({ args }: { readonly args: Readonly<Record<string, unknown>> }): readonly string[] =>
  JSON.stringify(args).includes('not a block') ? ['blocks[0]: unknown type'] : [];

const section = (text: string): Record<string, unknown> => ({ type: 'section', text: { type: 'plain_text', text } });
const button = (value: string): Record<string, unknown> => ({
  type: 'button',
  action_id: 'go',
  text: { type: 'plain_text', text: `Go ${value}` },
  value,
});
const plain = (text: string): { type: 'plain_text'; text: string } => ({ type: 'plain_text', text });
const askView = {
  type: 'modal',
  callback_id: 'ask',
  title: plain('Ask'),
  submit: plain('Send'),
  notify_on_close: true,
  blocks: [
    {
      type: 'input',
      block_id: 'why',
      label: plain('Why'),
      element: { type: 'plain_text_input', action_id: 'why.text', max_length: 20 },
    },
    {
      type: 'input',
      block_id: 'how-long',
      label: plain('How long'),
      element: {
        type: 'static_select',
        action_id: 'how-long.pick',
        initial_option: { text: plain('1 h'), value: '1h' },
        options: [
          { text: plain('1 h'), value: '1h' },
          { text: plain('2 h'), value: '2h' },
        ],
      },
    },
    {
      type: 'input',
      block_id: 'target',
      dispatch_action: true,
      label: plain('Target'),
      element: { type: 'external_select', action_id: 'target.pick' },
    },
  ],
};

let workspace: Workspace;
let tiny: TinyApp;
let driver: Driver;

const web = (): TinyApp['app']['client'] => tiny.app.client;
const say = (text: string): Promise<unknown> =>
  web().chat.postMessage({ channel: workspace.channelId('access'), text });
const ids = (one: Workspace): readonly string[] => [
  one.userId('ines'),
  one.channelId('access'),
  one.team.id,
  one.appId,
  one.botUserId,
];

beforeAll(async () => {
  workspace = await startWorkspace({ seed, validate });
});
afterAll(() => workspace.stop());
beforeEach(async () => {
  workspace.recorder.forget();
  tiny = await startTinyApp(workspace);
  driver = await startDriver({ workspace, endpoints: tiny.url });
});
afterEach(async () => {
  await driver.stop();
  await tiny.stop();
});

describe('signatures', () => {
  const heard: string[] = [];
  beforeEach(() => {
    heard.length = 0;
    tiny.app.command('/curfew', async ({ ack, command }) => {
      heard.push(command.text);
      await ack();
    });
  });

  test('an honest command reaches the app, with who typed it where', async () => {
    let seen: Record<string, unknown> = {};
    tiny.app.command('/where', async ({ ack, body }) => {
      seen = { ...body };
      await ack();
    });
    const { reply } = await driver.slash('ines', '/where', 'orders-prod', { in: 'access' });
    expect(reply.status).toBe(200);
    expect(seen).toMatchObject({
      user_id: workspace.userId('ines'),
      channel_id: workspace.channelId('access'),
      team_id: workspace.team.id,
      api_app_id: workspace.appId,
      text: 'orders-prod',
    });
  });

  test.each([
    ['a signature by another secret', { signature: 'wrong' }],
    ['a signature that is none', { signature: 'garbled' }],
    ['an empty signature', { signature: 'empty' }],
    ['no signature', { signature: 'missing' }],
    ['a stamp of five minutes and one second ago', { ageMs: 301_000 }],
  ] as const)('%s is refused by Bolt and heard by nobody', async (_name, forgery) => {
    const { reply } = await driver.slash('ines', '/curfew', 'forged', forgery);
    expect([400, 401]).toContain(reply.status);
    expect(heard).toEqual([]);
  });

  test('a replay is the same bytes, which Bolt itself takes again', async () => {
    const { request, replies } = await driver.slash('ines', '/curfew', 'again', { times: 5, together: true });
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect((await driver.replay(request)).status).toBe(200);
    expect(heard).toEqual(Array.from({ length: 6 }, () => 'again'));
  });

  test('another team, another app and a changed payload are signed as if they were true', async () => {
    let seen: Record<string, unknown> = {};
    tiny.app.command('/claims', async ({ ack, body }) => {
      seen = { ...body };
      await ack();
    });
    await driver.slash('ines', '/claims', 'x', {
      team: 'T0OTHER',
      app: 'A0OTHER',
      edit: (payload) => ({ ...payload, user_id: 'U0OTHER' }),
    });
    expect(seen).toMatchObject({ team_id: 'T0OTHER', api_app_id: 'A0OTHER', user_id: 'U0OTHER' });
  });
});

describe('messages', () => {
  test('a press on a message carries that message, its channel and the button', async () => {
    await web().chat.postMessage({
      channel: workspace.channelId('access'),
      text: 'card 17',
      blocks: [{ type: 'actions', block_id: 'b', elements: [button('17'), button('18')] }] as never,
    });
    const seen: unknown[] = [];
    tiny.app.action('go', async ({ ack, body, respond }) => {
      seen.push(body);
      await ack();
      await respond({ response_type: 'ephemeral', replace_original: false, text: 'only for you' });
    });
    const card = await driver.newest('access', 'card 17');
    if (card === null) throw new Error('no card');
    await driver.press('omar', card, 'go', { value: '18' });
    expect(seen[0]).toMatchObject({
      type: 'block_actions',
      user: { id: workspace.userId('omar') },
      channel: { id: workspace.channelId('access') },
      message: { ts: card.ts, text: 'card 17' },
      actions: [{ action_id: 'go', block_id: 'b', value: '18' }],
    });
    const told = await driver.eventually('the answer', () => driver.ephemerals('omar')[0]);
    expect(told.text).toBe('only for you');
    expect(driver.ephemerals('ines')).toEqual([]);
  });

  test('the bot may post to a private channel, a thread and a person, and each can be read', async () => {
    const { ts } = await web().chat.postMessage({ channel: workspace.channelId('ops'), text: 'alarm' });
    await web().chat.postMessage({ channel: workspace.channelId('ops'), text: 'resolved', thread_ts: ts as string });
    const { channel } = await web().chat.postMessage({ channel: workspace.userId('ines'), text: 'claim by 17:40' });
    await web().chat.postEphemeral({
      channel: channel as string,
      user: workspace.userId('ines'),
      text: 'your link',
    });
    const [alarm] = await driver.messages('ops');
    if (alarm === undefined) throw new Error('no alarm');
    expect(alarm.text).toBe('alarm');
    expect((await driver.thread(alarm)).map(({ text }) => text)).toEqual(['resolved']);
    expect((await driver.newestDm('ines', 'claim by'))?.channel).toBe(channel);
    expect(driver.ephemerals('ines').map(({ text }) => text)).toContain('your link');
  });

  test('a scheduled message is posted at its second, and one that was deleted never', async () => {
    const channel = workspace.channelId('access');
    // Far enough away that the second one is deleted in time.
    const postAt = Math.floor(Date.now() / 1_000) + 2;
    await web().chat.scheduleMessage({ channel, text: 'fifteen minutes left', post_at: postAt });
    const deleted = await web().chat.scheduleMessage({ channel, text: 'deleted in time', post_at: postAt });
    await web().chat.deleteScheduledMessage({
      channel,
      scheduled_message_id: deleted.scheduled_message_id as string,
    });
    await driver.eventually('the scheduled message', () => driver.newest('access', 'fifteen minutes left'), 5_000);
    expect(await driver.newest('access', 'deleted in time')).toBeNull();
  });

  test('accounts can be guests, strangers and gone, which the emulator cannot hold', async () => {
    workspace.setFlags('omar', { is_restricted: true, deleted: true, team_id: 'T0OTHER' });
    const { user } = await web().users.info({ user: workspace.userId('omar') });
    expect(user).toMatchObject({
      id: workspace.userId('omar'),
      is_restricted: true,
      deleted: true,
      team_id: 'T0OTHER',
    });
    const { user: other } = await web().users.info({ user: workspace.userId('ines') });
    expect(other).toMatchObject({ is_restricted: false, deleted: false, is_bot: false, team_id: workspace.team.id });
    workspace.setFlags('omar', { is_restricted: false, deleted: false, team_id: workspace.team.id });
  });
});

describe('modals', () => {
  beforeEach(() => {
    tiny.app.command('/ask', async ({ ack, body, client }) => {
      await ack();
      await client.views.open({ trigger_id: body.trigger_id, view: askView as never });
    });
    tiny.app.options('target.pick', async ({ ack, options }) => {
      const all = [{ text: plain('orders-prod'), value: 'orders-prod' }];
      await ack({ options: all.filter(({ value }) => value.includes(options.value)) });
    });
  });

  test('a form is filled as a person would, and its state is what Slack sends', async () => {
    const changes: unknown[] = [];
    let state: unknown;
    tiny.app.action('target.pick', async ({ ack, body, client }) => {
      await ack();
      const { view } = body as unknown as { view: { id: string; hash: string } };
      changes.push(body);
      await client.views.update({
        view_id: view.id,
        hash: view.hash,
        view: { ...askView, title: plain('Ask again') } as never,
      });
    });
    tiny.app.view('ask', async ({ ack, view }) => {
      state = view.state.values;
      await ack();
    });
    await driver.slash('ines', '/ask', '');
    await driver.waitForModal('ines', 'ask');
    await driver.fill('ines', { why: 'slow query', target: 'orders-prod' });
    await driver.eventually('the update', () => JSON.stringify(driver.modal('ines')).includes('Ask again') || null);
    const { action } = await driver.submit('ines', { 'how-long': '2h' });
    expect(action).toBe('closed');
    expect(driver.modal('ines')).toBeNull();
    expect(changes).toHaveLength(1);
    expect(state).toEqual({
      why: { 'why.text': { type: 'plain_text_input', value: 'slow query' } },
      'how-long': {
        'how-long.pick': {
          type: 'static_select',
          selected_option: { text: { type: 'plain_text', text: '2 h' }, value: '2h' },
        },
      },
      target: {
        'target.pick': {
          type: 'external_select',
          selected_option: { text: { type: 'plain_text', text: 'orders-prod' }, value: 'orders-prod' },
        },
      },
    });
  });

  test("what Slack's client would not let a person do fails here too", async () => {
    await driver.slash('ines', '/ask', '');
    await driver.waitForModal('ines', 'ask');
    await expect(driver.submit('ines', {})).rejects.toThrow('required and empty: why.text, target.pick');
    await expect(driver.fill('ines', { 'how-long': '9h' })).rejects.toThrow('offers no "9h"');
    await expect(driver.fill('ines', { target: 'nowhere' })).rejects.toThrow('offers no "nowhere"');
    await expect(driver.fill('ines', { why: 'x'.repeat(21) })).rejects.toThrow('at most 20');
    tiny.app.view({ type: 'view_closed', callback_id: 'ask' }, ({ ack }) => ack());
    await driver.close('ines');
  });

  test('errors keep the modal; update, push and clear change the stack; closing is told', async () => {
    let closed = 0;
    tiny.app.view({ type: 'view_closed', callback_id: 'ask' }, async ({ ack }) => {
      closed += 1;
      await ack();
    });
    const answers = [
      { response_action: 'errors', errors: { why: 'too short' } },
      { response_action: 'update', view: { ...askView, title: plain('Second') } },
      { response_action: 'push', view: { ...askView, title: plain('On top') } },
      { response_action: 'clear' },
    ];
    tiny.app.view('ask', async ({ ack }) => ack(answers.shift() as never));
    await driver.slash('ines', '/ask', '');
    await driver.waitForModal('ines', 'ask');
    await driver.close('ines');
    expect(closed).toBe(1);
    await driver.slash('ines', '/ask', '');
    const { id } = await driver.waitForModal('ines', 'ask');
    const refused = await driver.submit('ines', {}, { unchecked: true });
    expect(refused).toMatchObject({ action: 'errors', errors: { why: 'too short' } });
    expect((await driver.submit('ines', {}, { unchecked: true })).action).toBe('updated');
    expect(driver.modal('ines')).toMatchObject({ id, title: { text: 'Second' } });
    expect((await driver.submit('ines', {}, { unchecked: true })).action).toBe('pushed');
    expect(driver.modalDepth('ines')).toBe(2);
    expect(driver.modal('ines')).toMatchObject({ title: { text: 'On top' }, previous_view_id: id });
    expect((await driver.submit('ines', {}, { unchecked: true })).action).toBe('cleared');
    expect(driver.modalDepth('ines')).toBe(0);
  });

  test('the home that was published can be read and its buttons pressed', async () => {
    const pressed: string[] = [];
    tiny.app.event('app_home_opened', async ({ event, client }) => {
      await client.views.publish({
        user_id: event.user,
        view: { type: 'home', blocks: [{ type: 'actions', elements: [button('live')] }] as never },
      });
    });
    tiny.app.action('go', async ({ ack, body }) => {
      pressed.push((body as unknown as { container: { type: string } }).container.type);
      await ack();
    });
    await driver.event('omar', { type: 'app_home_opened', channel: 'D1', tab: 'home' });
    await driver.eventually('the home', () => driver.home('omar'));
    await driver.pressInHome('omar', 'go');
    expect(pressed).toEqual(['view']);
  });
});

describe('the recorder', () => {
  test('keeps each call with its arguments parsed', async () => {
    await tiny.app.client.chat.postMessage({
      channel: workspace.channelId('access'),
      text: 'kept',
      blocks: [section('kept')] as never,
    });
    const call = await workspace.recorder.waitFor(({ args }) => args['text'] === 'kept');
    expect(call).toMatchObject({
      method: 'chat.postMessage',
      args: { blocks: [section('kept')] },
      reply: { status: 200, body: { ok: true } },
      problems: [],
    });
    expect(JSON.stringify(call)).not.toContain(workspace.botToken);
  });

  test('refuses invalid blocks from every side and remembers them', async () => {
    await expect(say('not a block')).rejects.toThrow('invalid_blocks');
    await expect(
      tiny.app.client.views.publish({
        user_id: workspace.userId('ines'),
        view: { type: 'home', blocks: [section('not a block')] as never },
      }),
    ).rejects.toThrow('invalid_blocks');
    tiny.app.command('/bad', async ({ ack, respond }) => {
      await ack();
      await respond('not a block');
    });
    await driver.slash('ines', '/bad', '');
    await driver.eventually('the response', () => driver.responses.all()[0]);
    expect(workspace.recorder.problems()).toHaveLength(3);
  });

  test('answers with the faults it was told, as often as it was told', async () => {
    const { recorder } = workspace;
    recorder.fault({ kind: 'rate-limited', retryAfterSeconds: 1, times: 1, methods: ['chat.postMessage'] });
    await expect(say('limited')).rejects.toThrow(/rate.?limit/i);
    recorder.fault({ kind: 'status', status: 500, times: 1 });
    await expect(say('broken')).rejects.toThrow('500');
    recorder.fault({ kind: 'refused', error: 'message_not_found', times: 1 });
    await expect(say('refused')).rejects.toThrow('message_not_found');
    const lift = recorder.fault({ kind: 'hang', forMs: 10_000 });
    await expect(say('hung')).rejects.toThrow(/timeout/i);
    lift();
    recorder.fault({ kind: 'reply-lost', times: 1 });
    await expect(say('lost')).rejects.toThrow();
    await say('well again');
    expect(recorder.calls('chat.postMessage').map(({ fault }) => fault)).toEqual([
      'rate-limited',
      'status',
      'refused',
      'hang',
      'reply-lost',
      null,
    ]);
    expect((await driver.messages('access')).map(({ text }) => text).slice(0, 2)).toEqual(['well again', 'lost']);
  });

  test('says of an unknown method and a missing scope what Slack says, at once', async () => {
    await expect(tiny.app.client.apiCall('no.such.method')).rejects.toThrow('unknown_method');
    await expect(tiny.app.client.users.lookupByEmail({ email: 'ines@harbour.example' })).rejects.toThrow(
      'missing_scope',
    );
    const stranger = await fetch(`${workspace.apiUrl}auth.test`, {
      method: 'POST',
      headers: { authorization: 'Bearer xoxb-guessed' },
    });
    expect(await stranger.json()).toEqual({ ok: false, error: 'invalid_auth' });
  });
});

test('every id is the same in the next run, though the emulator draws them anew', async () => {
  await tiny.app.client.chat.postMessage({ channel: workspace.userId('omar'), text: 'first' });
  const [first] = await driver.dms('omar');
  const again = await startWorkspace({ seed, validate });
  const otherDriver = await startDriver({ workspace: again, endpoints: tiny.url });
  try {
    expect(ids(again)).toEqual(ids(workspace));
    await again.recorder.inspect('chat.postMessage', { channel: again.userId('omar'), text: 'second' });
    const [second] = await otherDriver.dms('omar');
    expect(second?.channel).toBe(first?.channel);
    const { user } = await again.recorder.inspect('users.info', { user: workspace.userId('ines') });
    expect(user).toMatchObject({ id: workspace.userId('ines'), name: 'ines' });
  } finally {
    await otherDriver.stop();
    await again.stop();
  }
});
