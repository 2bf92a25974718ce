/**
 * Each spelling of "deactivate" in `test/scim/` ends a live session on a real target, and the next login is refused
 * (I9): the store, the SCIM surface over HTTP, and the reaper, with no Temporal at all.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../config/log.ts';
import type { PersonId, TargetName } from '../domain/ids.ts';
import type { Target } from '../targets/postgres/accessor.ts';
import { startReaper, type Reaper } from '../workers/reaper.ts';
import { startCompany, type Company } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { plantGrant, plantRequest } from './support/planted.ts';
import { startPostgres, type Postgres } from './support/postgres.ts';
import { openScim, type ScimClient } from './support/scim.ts';
import {
  asHolder,
  granted,
  installSample,
  makeSample,
  openWorker,
  reaperPassword,
  sqlstateOf,
  type Prepared,
} from './support/target.ts';

type Fixture = {
  readonly said: string;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly status: number;
};

const folder = new URL('scim/', import.meta.url);
const fixtures = readdirSync(folder).map((file) => {
  const fixture = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture;
  return { ...fixture, name: file.replace('.json', '') };
});

/** Somebody with a live grant and a session that would not end by itself. */
type Holder = {
  readonly id: PersonId;
  readonly userName: string;
  readonly login: Prepared;
  readonly gone: Promise<void>;
};

let company: Company;
let postgres: Postgres;
let worker: Target;
let reaper: Reaper;
let scim: ScimClient;
const holders = new Map<string, Holder>();

beforeAll(async () => {
  [company, postgres] = await Promise.all([startCompany(), startPostgres()]);
  await makeSample(postgres);
  await (await installSample(postgres)).close();
  worker = openWorker(postgres);
  scim = await openScim(company);
  reaper = startReaper(
    {
      storeUrl: company.store.url('curfew_reaper'),
      clusters: [
        {
          name: 'main',
          zone: 'default',
          targets: ['orders-prod', 'models-prod'] as TargetName[],
          database: 'control',
          user: 'curfew_reaper',
          password: reaperPassword,
          nodes: [{ name: 'primary', host: postgres.host, port: postgres.port }],
        },
      ],
      everyMs: 1_000,
      host: '127.0.0.1',
      healthPort: 0,
      logLevel: 'fatal',
      drainMs: 5_000,
    },
    createLog('reaper', 'fatal'),
  );
  for (const { name } of fixtures) holders.set(name, await holding(`holder.${name.toLowerCase()}`));
}, 120_000);

afterAll(async () => {
  await reaper?.stop();
  await scim?.end();
  await worker?.close();
  await Promise.all([company?.end(), postgres?.stop()]);
});

async function holding(userName: string): Promise<Holder> {
  const id = (await scim.user(userName)) as PersonId;
  const { store } = company;
  const endAt = Date.now() + 3_600_000;
  const request = await plantRequest(store, id);
  const login = await granted(worker, { grantId: request.id, personId: id, endAt });
  await plantGrant(store, request, endAt);
  const { promise: held, resolve, reject } = Promise.withResolvers<void>();
  const gone = asHolder(postgres, login, async (client: Client) => {
    client.on('error', () => undefined);
    const closed = once(client, 'end');
    await client.query('begin; select count(*) from sales.orders');
    resolve();
    await closed;
  }).catch(reject);
  await held;
  return { id, userName, login, gone };
}

const sessions = async (): Promise<ReadonlyMap<string, number>> => {
  const rows = await postgres.query<{ name: string; n: number }>(
    'postgres',
    `select usename as name, count(*)::int as n from pg_stat_activity where usename like 'cfw!_%' escape '!' group by 1`,
  );
  return new Map(rows.map(({ name, n }) => [name, n]));
};
const holderOf = (name: string): Holder => holders.get(name) ?? expect.fail(`nobody holds for ${name}`);

test('the folder has every spelling that the design names, and those of real vendors', () => {
  expect(fixtures.length).toBeGreaterThanOrEqual(40);
});

test('before a word is said all of them are connected', async () => {
  const found = await sessions();
  expect([...holders.values()].filter(({ login }) => found.get(login.role) !== 1)).toEqual([]);
});

describe('after a call', () => {
  test.each(fixtures)('$name ($said) is taken', async ({ name, method, path, body, status }) => {
    const { id, userName } = holderOf(name);
    const filled = body && JSON.stringify(body).replaceAll(':id', id).replaceAll(':userName', userName);
    const answer = await scim.send(method, path.replace(':id', id), filled);
    expect({ status: answer.status, body: answer.status < 400 ? {} : answer.body }).toMatchObject({ status });
    const [row] = await company.store.admin.query<{ state: string }>('select state from curfew.person where id = $1', [
      id,
    ]);
    expect(row?.state).toBe(method === 'DELETE' ? 'left' : 'suspended');
  });

  test.each(fixtures)('$name ends the live session, and the next login is refused', async ({ name }) => {
    const { login, gone } = holderOf(name);
    await eventually(`the session of ${name} is gone`, async () => ((await sessions()).get(login.role) ?? 0) === 0, {
      withinMs: 15_000,
    });
    await gone;
    expect(await sqlstateOf(asHolder(postgres, login, (client) => client.query('select 1')))).toMatch(/^28/);
  });

  test('nobody got anything back, and nobody else lost anything', async () => {
    const [row] = await company.store.admin.query<{ active: number; staff: number }>(
      `select count(*) filter (where handle like 'holder.%' and state = 'active')::int as active,
         count(*) filter (where handle not like 'holder.%' and state = 'active')::int as staff from curfew.person`,
    );
    expect(row).toEqual({ active: 0, staff: 9 });
  });

  test('no password that was sent along is kept or logged (I12)', async () => {
    expect(JSON.stringify(scim.api.logged)).not.toContain('canary-scim-password');
    const [row] = await company.store.admin.query<{ n: number }>(
      `select ((select count(*) from audit.entry where position('canary-scim' in convert_from(body, 'UTF8')) > 0)
        + (select count(*) from curfew.personal t where position('canary-scim' in t::text) > 0))::int as n`,
    );
    expect(row?.n).toBe(0);
  });
});
