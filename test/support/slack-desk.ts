/**
 * Slack's surface alone, on real HTTP: the emulated workspace, the driver that signs what Slack would send, and the
 * real Bolt app on an express server. Behind it stand fakes, written by hand: use cases that answer what a test tells
 * them to, and records in memory.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import express from 'express';
import { parse } from 'yaml';
import { startDriver, type Driver } from '../../dev/slack/driver.ts';
import { startWorkspace, type Workspace } from '../../dev/slack/workspace.ts';
import { refuse } from '../../domain/errors.ts';
import type { ReadEntry } from '../../domain/events.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { assembleSlackApp, type SlackApp } from '../../slack/app.ts';
import { validateCall } from '../../slack/blocks.ts';
import { slackPath } from '../../slack/http.ts';
import type { Log, Records, SlackService } from '../../slack/service.ts';
import type { Profile } from '../../slack/views/model.ts';

export const manifest = parse(readFileSync(new URL('../../slack/manifest.yaml', import.meta.url), 'utf8')) as {
  readonly oauth_config: { readonly scopes: { readonly bot: readonly string[] } };
  readonly features: {
    readonly app_home: { readonly home_tab_enabled: boolean };
    readonly slash_commands: readonly { readonly command: string; readonly should_escape: boolean }[];
    readonly shortcuts: readonly { readonly callback_id: string }[];
  };
  readonly settings: { readonly event_subscriptions: { readonly bot_events: readonly string[] } };
};

export type Called = { readonly name: keyof SlackService; readonly input: unknown };

/** Use cases that answer what they are told to; each refuses until it is. */
export type FakeService = SlackService & {
  readonly calls: readonly Called[];
  /** How often a use case was called. */
  count(name: keyof SlackService): number;
  /** From now on. */
  answers<Name extends keyof SlackService>(name: Name, answer: SlackService[Name]): void;
};

export function fakeService(): FakeService {
  const calls: Called[] = [];
  const answers = new Map<keyof SlackService, (input: never) => Promise<unknown>>();
  const one = (name: keyof SlackService) => async (input: unknown) => {
    calls.push({ name, input });
    const answer = answers.get(name);
    return answer ? await answer(input as never) : refuse('UnknownRequest', `Nothing is told about ${name}.`);
  };
  const names = [
    'open',
    'preview',
    'options',
    'reviewModel',
    'decide',
    'mintCode',
    'release',
    'withdraw',
    'revoke',
    'review',
    'status',
    'extend',
    'extensionModel',
    'decideExtension',
    'away',
    'back',
    'overview',
    'personalCode',
    'linkByCode',
  ] as const;
  return {
    ...(Object.fromEntries(names.map((name) => [name, one(name)])) as unknown as SlackService),
    calls,
    count: (name) => calls.filter((call) => call.name === name).length,
    answers: (name, answer) => void answers.set(name, answer),
  };
}

export type FakeRecords = Records & {
  readonly entries: readonly ReadEntry[];
  link(account: { team: string; user: string }, person: PersonId): void;
  unlink(account: { team: string; user: string }): void;
  post(message: { channel: string; ts: string }, request: RequestId): void;
  /** A message about something else than a request. */
  notice(message: { channel: string; ts: string }, subject: string): void;
  /** An account that approves nothing until then. */
  waits(account: { team: string; user: string }, until: number): void;
  /** Stamps of messages whose place was asked for. */
  readonly asked: readonly string[];
  /** Hashes of the App Homes, by person. */
  readonly painted: Map<PersonId, string>;
  /** While true, the store does not answer. */
  down: boolean;
};

/** Records in memory, with the store's rules for deliveries. */
export function fakeRecords(): FakeRecords {
  const links = new Map<string, PersonId>();
  const messages = new Map<string, RequestId>();
  const deliveries = new Map<string, { answer?: unknown; answered: boolean }>();
  const notices = new Map<string, string>();
  const fresh = new Map<string, number>();
  const entries: ReadEntry[] = [];
  const asked: string[] = [];
  const painted = new Map<PersonId, string>();
  const records: FakeRecords = {
    entries,
    asked,
    painted,
    homes: {
      openedBy: async (people) => people.filter((person) => painted.has(person)),
      paintedOf: async (person) => painted.get(person),
      put: async (person, looks) => void painted.set(person, looks),
    },
    down: false,
    link: ({ team, user }, person) => void links.set(`${team}/${user}`, person),
    unlink: ({ team, user }) => void links.delete(`${team}/${user}`),
    post: ({ channel, ts }, request) => void messages.set(`${channel}/${ts}`, request),
    notice: ({ channel, ts }, subject) => void notices.set(`${channel}/${ts}`, subject),
    waits: ({ team, user }, until) => void fresh.set(`${team}/${user}`, until),
    personOf: async ({ team, user }) => links.get(`${team}/${user}`),
    profiles: async (people) => new Map(people.map((id): [PersonId, Profile] => [id, profileOf(id, links)])),
    async requestAt(channel, ts) {
      asked.push(ts);
      return messages.get(`${channel}/${ts}`);
    },
    noticeAt: async (channel, ts) => notices.get(`${channel}/${ts}`),
    approvesFromOf: async ({ team, user }) => fresh.get(`${team}/${user}`) ?? null,
    audit: async (entry) => void entries.push(entry),
    async begin(key) {
      if (records.down) throw new Error('the store is down');
      const known = deliveries.get(key);
      if (known) return known.answered ? { answer: known.answer } : 'busy';
      deliveries.set(key, { answered: false });
      return 'new';
    },
    answer: async (key, answer) =>
      void deliveries.set(key, { answer: JSON.parse(JSON.stringify(answer ?? null)), answered: true }),
    async answerOf(key) {
      const known = deliveries.get(key);
      return known?.answered ? { answer: known.answer } : undefined;
    },
  };
  return records;
}

function profileOf(person: PersonId, links: ReadonlyMap<string, PersonId>): Profile {
  const account = [...links].find(([, one]) => one === person)?.[0];
  const [slackTeam = '', slackUser = ''] = account?.split('/') ?? [];
  return { name: `Person ${person.slice(-1)}`, ...(account === undefined ? {} : { slackTeam, slackUser }) };
}

export type Logged = { readonly level: string; readonly fields: object; readonly message: string };

export function keptLog(): Log & { readonly lines: readonly Logged[] } {
  const lines: Logged[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

export type SlackDesk = {
  readonly workspace: Workspace;
  readonly driver: Driver;
  readonly slack: SlackApp;
  readonly service: FakeService;
  readonly records: FakeRecords;
  readonly log: ReturnType<typeof keptLog>;
  readonly endpoint: string;
  end(): Promise<void>;
};

export const people: Readonly<Record<string, PersonId>> = {
  ana: '00000000-0000-4000-8000-000000000001' as PersonId,
  ben: '00000000-0000-4000-8000-000000000002' as PersonId,
};

/** Other use cases, records or people than the fakes'. */
export type RealParts = {
  readonly users: readonly string[];
  readonly service: SlackService;
  readonly records: Records;
};

/** With the fakes: `ana` and `ben` are linked, `eve` is not. */
export async function startSlackDesk(real?: RealParts): Promise<SlackDesk> {
  const secrets = { botToken: 'xoxb-curfew-test', signingSecret: 'a-signing-secret-of-a-test' };
  const workspace = await startWorkspace({
    seed: {
      team: { name: 'Test', domain: 'test' },
      users: (real?.users ?? ['ana', 'ben', 'eve']).map((name) => ({
        name,
        realName: name,
        email: `${name}@test.example`,
      })),
      channels: [{ name: 'approvals' }],
      scopes: manifest.oauth_config.scopes.bot,
      ...secrets,
    },
    validate: ({ method, args }) => validateCall(method, args),
  });
  const service = fakeService();
  const records = fakeRecords();
  for (const [name, person] of real ? [] : Object.entries(people)) {
    records.link({ team: workspace.team.id, user: workspace.userId(name) }, person);
  }
  const log = keptLog();
  const slack = assembleSlackApp({
    config: {
      botToken: secrets.botToken,
      appId: workspace.appId,
      teamId: workspace.team.id,
      apiUrl: workspace.apiUrl,
      receiver: { kind: 'http', signingSecret: secrets.signingSecret },
    },
    service: real?.service ?? service,
    records: real?.records ?? records,
    clock: Date.now,
    log,
  });
  const web = express();
  if (slack.router) web.use(slack.router);
  const server = createServer(web);
  const port = await listening(server);
  const endpoint = `http://127.0.0.1:${port}${slackPath}`;
  const driver = await startDriver({ workspace, endpoints: endpoint });
  return {
    workspace,
    driver,
    slack,
    service,
    records,
    log,
    endpoint,
    async end() {
      await driver.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await workspace.stop();
    },
  };
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
