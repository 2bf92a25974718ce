/** Where experiments happen: the real stack, each part a process, through lines that can be broken. No Slack. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client as TemporalClient, Connection } from '@temporalio/client';
import { Client } from 'pg';
import { ownUseCases } from '../../bench/use-cases.ts';
import { claim as claimWith } from '../../cli/connect/claim.ts';
import type { UseCases } from '../../service/contract.ts';
import { bindUseCases } from '../../service/use-cases.ts';
import { openStore, type Store } from '../../store/pool.ts';
import { dataConverterFor } from '../../temporal/codec.ts';
import { apiUrl, storeUrl, superuserUrl } from '../stack/environments.ts';
import { codecKeyId } from '../stack/settings.ts';
import { startStack, type Stack } from '../stack/stack.ts';
import type { Standby } from '../standby.ts';
import { openState } from '../state.ts';
import type { Progress } from '../progress.mjs';
import { dying } from './dying.ts';
import { openHistory, type History } from './history.ts';
import { openLines, type AllLines } from './lines.ts';

/** A claimed login, as the API told it to the claimant. */
export type Login = Awaited<ReturnType<typeof claimWith>> & { readonly database: string };

/** Processes of the API that are asked: one that works, and two that die in each call (`dying.ts`). */
export const apis = ['prompt', 'cut', 'deaf'] as const;
export type Api = (typeof apis)[number];

export type World = {
  readonly stack: Stack;
  /** The target's second node, from which people read as well. */
  readonly standby: Standby;
  readonly lines: AllLines;
  readonly use: Readonly<Record<Api, UseCases>>;
  /** The use cases as they will be by a clock that is so much ahead, ms. */
  readonly inAWhile: (ms: number) => UseCases;
  /** Temporal as its operator reaches it. */
  readonly temporal: TemporalClient;
  readonly dataConverter: ReturnType<typeof dataConverterFor>;
  readonly store: Readonly<Record<'admin' | 'directory', Store>>;
  readonly history: History;
  /** Everything that must never stand anywhere but where it belongs: name and value. */
  readonly secrets: Map<string, string>;
  /** Error texts that somebody was shown. */
  readonly errors: string[];
  /** Parts that ended by themselves. */
  readonly troubles: string[];
  readonly inStore: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly onTarget: <Row extends object>(
    text: string,
    values?: readonly unknown[],
    database?: string,
  ) => Promise<Row[]>;
  readonly onStandby: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly claim: (code: string, withinMs?: number) => Promise<Login>;
  /** A session of a login, straight to the server. @throws DatabaseError where the server says no */
  readonly connect: (login: Login, options?: string) => Promise<Client>;
  /** A number that was not given before. */
  readonly next: () => number;
  readonly end: (keep: boolean) => Promise<void>;
};

export async function openWorld(progress: Pick<Progress, 'step' | 'say'>): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-faults-'));
  const state = await openState({ path: join(folder, 'state'), version: 1 });
  const opened: { lines?: AllLines } = {};
  const troubles: string[] = [];
  const endFolder = async (keep: boolean): Promise<void> => {
    await state.stop();
    if (!keep) await rm(folder, { recursive: true, force: true });
  };
  try {
    const stack = await startStack({
      state,
      progress,
      slack: null,
      notice: '0',
      target: { mode: 'createrole', settings: { max_connections: '60' } },
      standby: true,
      onUnexpectedExit: (trouble) => void troubles.push(trouble.message),
      lines: async (settings) => (opened.lines = await openLines(settings)),
    });
    if (!opened.lines || !stack.standby) throw new Error('the stack came up without its lines or its standby');
    return await worldOn(stack, stack.standby, opened.lines, troubles, endFolder);
  } catch (error) {
    await endFolder(false);
    throw error;
  }
}

async function worldOn(
  stack: Stack,
  standby: Standby,
  lines: AllLines,
  troubles: string[],
  endFolder: (keep: boolean) => Promise<void>,
): Promise<World> {
  const { settings } = stack;
  const own = await ownUseCases(stack, { slack: false, noticeMs: 0 });
  const history = openHistory(stack.state.file('history.jsonl'));
  const dataConverter = dataConverterFor([{ id: codecKeyId, key: Buffer.from(settings.secrets.codecKey, 'base64') }]);
  const connection = Connection.lazy({ address: stack.temporal.address });
  const { namespace } = stack.temporal;
  const temporal = new TemporalClient({ connection, namespace, identity: 'operator', dataConverter });
  const open = (login: 'curfew_admin' | 'curfew_directory'): Store =>
    openStore({ url: storeUrl(settings, login), applicationName: 'curfew-faults', max: 4 });
  const store = { admin: open('curfew_admin'), directory: open('curfew_directory') };
  const dead = (death: 'cut' | 'deaf'): UseCases =>
    bindUseCases({ ...own.ctx, temporal: dying(own.ctx.temporal, death) });
  const secrets = new Map<string, string>([
    ...Object.entries(settings.secrets).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as const] : [],
    ),
    ...Object.entries(settings.secrets.store).map(([name, value]) => [`store ${name}`, value] as const),
  ]);
  const errors: string[] = [];
  const inStore: World['inStore'] = (text, values = []) =>
    rows(superuserUrl(settings, 'store', 'curfew'), text, values);
  let given = 0;
  return {
    stack,
    standby,
    lines,
    use: {
      prompt: history.recorded(own.useCases, 'prompt'),
      cut: history.recorded(dead('cut'), 'cut'),
      deaf: history.recorded(dead('deaf'), 'deaf'),
    },
    inAWhile: (ms) => history.recorded(bindUseCases({ ...own.ctx, clock: () => Date.now() + ms }), 'in a while'),
    temporal,
    dataConverter,
    store,
    history,
    secrets,
    errors,
    troubles,
    inStore,
    onTarget: (text, values = [], database = 'postgres') =>
      rows(superuserUrl(settings, 'target', database), text, values),
    onStandby: (text, values = []) => rows(standby.cluster.url(), text, values),
    claim: async (code, withinMs = 60_000) => {
      const { databases, ...login } = await claimWith({ api: apiUrl(settings), code, withinMs });
      secrets.set(`password of ${login.requestId}`, login.password);
      secrets.set(`code of ${login.requestId}`, code);
      return { ...login, databases, database: databases[0] ?? '' };
    },
    connect: (login, options) => connectAs(login, options, errors),
    next: () => (given += 1),
    end: async (keep) => {
      await Promise.allSettled([own.close(), store.admin.close(), store.directory.close(), connection.close()]);
      await stack.stop().catch((error: unknown) => void troubles.push(String(error)));
      await endFolder(keep);
    },
  };
}

async function connectAs(login: Login, options: string | undefined, errors: string[]): Promise<Client> {
  const { host, port, database, role, password } = login;
  const client = new Client({
    host,
    port,
    database,
    user: role,
    password,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
    ...(options === undefined ? {} : { options }),
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    errors.push(String(error));
    await client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

async function rows<Row extends object>(url: string, text: string, values: readonly unknown[]): Promise<Row[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 20_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}
