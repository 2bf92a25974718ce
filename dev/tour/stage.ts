/** A temporary stack with the sample company's Slack, and what the steps do on it: through the real surfaces only. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { validateCall } from '../../slack/blocks.ts';
import { actions, callbacks, command } from '../../slack/ids.ts';
import { sampleSeed, slackChannels } from '../company/workspace.ts';
import { startDriver, type Driver, type Message } from '../slack/driver.ts';
import { manifestScopes } from '../slack/manifest.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { startWorkspace, type Workspace } from '../slack/workspace.ts';
import { slackEvents, superuserUrl } from '../stack/environments.ts';
import { startStack, type Stack, type StackOptions } from '../stack/stack.ts';
import { openState } from '../state.ts';
import type { Progress } from '../progress.mjs';
import type { Trouble } from '../trouble.ts';
import { commandOn, type Command } from './command.ts';
import { must } from './report.ts';

/** A claimed login, as `curfew connect --json` prints it. */
export type Login = {
  readonly requestId: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly role: string;
  readonly password: string;
  readonly endAt: number;
};

export type Stage = {
  readonly stack: Stack;
  readonly workspace: Workspace;
  readonly driver: Driver;
  /** Everything that must never stand anywhere but where it belongs: name and value. */
  readonly secrets: Map<string, string>;
  /** What came back as an error, from wherever. */
  readonly errors: string[];
  /** Rows as the store's superuser sees them. */
  readonly inStore: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** Rows as the target's superuser sees them, in the given database. */
  readonly onTarget: <Row extends object>(
    text: string,
    values?: readonly unknown[],
    database?: string,
  ) => Promise<Row[]>;
  /** `/curfew <line>`, and the id of the request that came of it. */
  readonly ask: (who: string, line: string) => Promise<string>;
  /** The id of the request that comes of what is done. */
  readonly requestOf: (act: () => Promise<unknown>) => Promise<string>;
  /** The command line, as the operator of this stack. */
  readonly curfew: Command;
  /** A file of the stack's own folder, for what an operator would have on disk. */
  readonly file: (name: string, text: string) => Promise<string>;
  readonly cardOf: (requestId: string) => Promise<Message>;
  /** Presses Review and waits for the form. */
  readonly openReview: (who: string, requestId: string) => Promise<void>;
  readonly approve: (who: string, requestId: string) => Promise<void>;
  /** Presses Claim in the direct message: the code of the one-time link. */
  readonly codeFor: (who: string, requestId: string) => Promise<string>;
  /** The same, then runs the claim client with that code. */
  readonly claim: (who: string, requestId: string) => Promise<Login>;
  /** A session of a claimed login, on the target's second node where that is named and the stack has it. */
  readonly connect: (login: Login, node?: 'standby') => Promise<Client>;
  /** The code of the refusal that the audit log holds, newest first, for this request. */
  readonly refusalOf: (requestId: string, kind: string) => Promise<string>;
  readonly waitFor: <T>(
    what: string,
    read: () => Promise<T | null | undefined | false>,
    withinMs?: number,
  ) => Promise<T>;
  readonly end: () => Promise<void>;
};

export async function openStage(
  progress: Pick<Progress, 'step' | 'say'>,
  options: Pick<StackOptions, 'standby'> = {},
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-tour-'));
  const state = await openState({ path: join(folder, 'state'), version: 1 });
  const broken: Trouble[] = [];
  const opened: { workspace?: Workspace; driver?: Driver; stack?: Stack } = {};
  const end = async (): Promise<void> => {
    await opened.stack?.stop().catch(() => undefined);
    await opened.driver?.stop();
    if (!opened.stack) await opened.workspace?.stop();
    await state.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const stack = await startStack({
      ...options,
      state,
      progress,
      notice: '15m',
      onUnexpectedExit: (trouble) => void broken.push(trouble),
      slack: async (settings) => {
        opened.workspace = await startWorkspace({
          seed: sampleSeed(settings.secrets, manifestScopes()),
          validate: ({ method, args }) => validateCall(method, args),
          port: settings.ports.slack,
        });
        return opened.workspace;
      },
    });
    opened.stack = stack;
    must(opened.workspace, 'the stack came up without Slack');
    opened.driver = await startDriver({ workspace: opened.workspace, endpoints: slackEvents(stack.settings) });
    return { ...stageOn(stack, opened.workspace, opened.driver), end };
  } catch (error) {
    await end();
    throw broken[0] ?? error;
  }
}

function stageOn(stack: Stack, workspace: Workspace, driver: Driver): Omit<Stage, 'end'> {
  const { settings } = stack;
  const secrets = new Map<string, string>([
    ...Object.entries(settings.secrets).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as const] : [],
    ),
    ...Object.entries(settings.secrets.store).map(([name, value]) => [`store ${name}`, value] as const),
  ]);
  const errors: string[] = [];
  const inStore: Stage['inStore'] = (text, values = []) =>
    rows(superuserUrl(settings, 'store', 'curfew'), text, values);
  const waitFor: Stage['waitFor'] = async (what, read, withinMs = 30_000) => {
    const giveUpAt = Date.now() + withinMs;
    for (;;) {
      const found = await read().catch((error: unknown) => void errors.push(String(error)));
      if (found !== null && found !== undefined && found !== false) return found;
      if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${withinMs} ms`);
      await pause(50);
    }
  };
  const curfew = commandOn(settings);
  const requestOf: Stage['requestOf'] = async (act) => {
    const all = 'select id from curfew.request';
    const before = new Set((await inStore<{ id: string }>(all)).map((row) => row.id));
    await act();
    return waitFor(
      'a request',
      async () => (await inStore<{ id: string }>(all)).find((row) => !before.has(row.id))?.id,
    );
  };
  const cardOf: Stage['cardOf'] = (requestId) =>
    driver.eventually('the card', async () => {
      const [place] = await inStore<{ ts: string }>(
        `select ts from curfew.slack_message where request_id = $1 and slot = 'card'`,
        [requestId],
      );
      const posted = await Promise.all([slackChannels.approvals, slackChannels.ops].map(driver.messages));
      return place && posted.flat().find((message) => message.ts === place.ts);
    });
  const openReview: Stage['openReview'] = async (who, requestId) => {
    await driver.press(who, await cardOf(requestId), actions.review);
    await driver.waitForModal(who, callbacks.decide);
  };
  const codeFor: Stage['codeFor'] = async (who, requestId) => {
    const message = await driver.eventually('the message with Claim', async () =>
      (await driver.dms(who)).find((one) =>
        elementsOf(one['blocks']).some(
          (element) => element.actionId === actions.claim && element.element['value'] === requestId,
        ),
      ),
    );
    const before = driver.ephemerals(who).length;
    await driver.press(who, message, actions.claim);
    const link = await driver.eventually('the one-time link', () => {
      const [newest] = driver.ephemerals(who);
      if (driver.ephemerals(who).length === before || !newest) return null;
      return elementsOf(newest['blocks']).find((element) => element.actionId === actions.claimLink)?.element['url'] as
        string | undefined;
    });
    const code = new URL(link).hash.slice(1);
    must(code !== '', 'the link holds no code');
    return code;
  };
  return {
    stack,
    workspace,
    driver,
    secrets,
    errors,
    inStore,
    onTarget: (text, values = [], database = 'postgres') =>
      rows(superuserUrl(settings, 'target', database), text, values),
    ask: (who, line) =>
      requestOf(async () => {
        const { reply } = await driver.slash(who, command, line);
        must(reply.status === 200, `/curfew was answered ${reply.status}`);
      }),
    requestOf,
    curfew,
    file: async (name, text) => {
      await writeFile(stack.state.file(name), text);
      return stack.state.file(name);
    },
    cardOf,
    openReview,
    approve: async (who, requestId) => {
      await openReview(who, requestId);
      const submitted = await driver.submit(who, { [actions.verdict]: 'approve' });
      must(
        Object.keys(submitted.errors).length === 0 && submitted.action !== 'none',
        `Review was answered ${JSON.stringify(submitted.errors)}`,
      );
    },
    codeFor,
    claim: async (who, requestId) => {
      const code = await codeFor(who, requestId);
      const { code: ended, out, err } = await curfew(['connect', code, '--json']);
      must(ended === 0, `curfew connect ended with ${ended}: ${err}`);
      const printed = JSON.parse(out) as Omit<Login, 'endAt'> & { readonly endAt: string };
      const login: Login = { ...printed, endAt: Date.parse(printed.endAt) };
      secrets.set(`password of ${requestId}`, login.password);
      secrets.set(`code of ${requestId}`, code);
      const [claim] = await inStore<{ verifier: string; ticket: string }>(
        `select verifier, encode(ticket, 'hex') as ticket from curfew.claim where request_id = $1`,
        [requestId],
      );
      must(claim, 'the store holds no claim');
      secrets.set(`verifier of ${requestId}`, claim.verifier);
      secrets.set(`ticket of ${requestId}`, claim.ticket);
      return login;
    },
    connect: async ({ host, port, database, role, password }, node) => {
      const client = new Client({
        host,
        port: node === undefined ? port : settings.ports.standby,
        database,
        user: role,
        password,
        connectionTimeoutMillis: 5_000,
        query_timeout: 5_000,
      });
      client.on('error', () => undefined);
      await client.connect();
      return client;
    },
    refusalOf: async (requestId, kind) => {
      const [entry] = await inStore<{ code: string }>(
        `select convert_from(body, 'UTF8')::json ->> 'code' as code from audit.entry where subject = $1 and kind = $2 order by id desc limit 1`,
        [requestId, kind],
      );
      return entry?.code ?? 'none';
    },
    waitFor,
  };
}

async function rows<Row extends object>(url: string, text: string, values: readonly unknown[]): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
