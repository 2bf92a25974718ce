/** Faults that somebody wants: a storm of break-glass, stolen credentials, secrets sought everywhere; and no audit store. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, DatabaseError } from 'pg';
import { isRefusal } from '../../../domain/errors.ts';
import type { RequestId } from '../../../domain/ids.ts';
import { dayMs, hourMs, secondMs } from '../../../domain/time.ts';
import { accessRequestId } from '../../../workflows/contract.ts';
import { controlDatabase } from '../../company/targets.ts';
import { storeUrl } from '../../stack/environments.ts';
import { searchFor } from '../../tour/proofs.ts';
import { until } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  approved,
  becomes,
  codeFor,
  endsOnTime,
  granted,
  hold,
  inOrder,
  isClosed,
  isOver,
  must,
  refusesLogin,
  releaseOf,
  stateOf,
} from '../grants.ts';
import { kill, start } from '../parts.ts';
import { controllers, hire, type Person } from '../staff.ts';
import { forbiddenOnStore, forbiddenOnTarget } from '../stolen.ts';
import type { World } from '../world.ts';

const breakGlass = (world: World, { id }: Person, use = world.use.prompt) =>
  use.open({
    person: id,
    kind: 'break-glass',
    target: 'models-prod',
    role: 'read',
    durationMs: 60 * secondMs,
    reason: 'an experiment',
    ticket: 'INC-12',
    key: randomUUID(),
  });

/** Many break glass at once, each of them often; and whoever was not reviewed in time does not break it again. */
async function storm(world: World): Promise<void> {
  const responders = await hire(world, 'grantee', 6);
  const opened = await Promise.all(
    responders.flatMap((person) =>
      Array.from({ length: 4 }, async () => ({ person, answer: await breakGlass(world, person) })),
    ),
  );
  world.history.write('fault', { storm: opened.length });
  for (const person of responders) {
    const taken = opened.filter((one) => one.person === person && !isRefusal(one.answer));
    must(taken.length >= 1 && taken.length <= 2, `${taken.length} break-glass of one person were taken`);
  }
  const [first] = opened.filter(({ answer }) => !isRefusal(answer));
  must(first && !isRefusal(first.answer), 'no glass was broken');
  const { requestId } = first.answer;
  await becomes(world, requestId, 'approved');
  await world.claim(granted(await world.use.prompt.mintCode({ requestId, person: first.person.id })).code);
  const [announced] = await world.inStore<{ entries: number; late: boolean }>(
    `select count(*)::int as entries, bool_or(at > (select granted_at from curfew.access_grant where request_id = $1::uuid)) as late
     from audit.entry where subject = $1::text and kind = 'breakglass.announced'`,
    [requestId],
  );
  must(announced && announced.entries >= 1 && !announced.late, `it was announced ${JSON.stringify(announced)}`);
  const mine = opened.flatMap(({ person, answer }) =>
    isRefusal(answer) ? [] : [{ requestId: answer.requestId, person: person.id }],
  );
  await Promise.all(mine.map((one) => world.use.prompt.release(one)));
  await Promise.all(mine.map((one) => world.use.prompt.withdraw(one)));
  await isOver(world, requestId, ['released']);
  // A day and an hour later nobody has reviewed it: that is a debt, until somebody else does.
  const later = world.inAWhile(dayMs + hourMs);
  const again = await breakGlass(world, first.person, later);
  must(isRefusal(again) && again.code === 'NotAllowed', 'glass was broken again with a review owed');
  const review = (person: Person) =>
    world.use.prompt.review({ requestId, person: person.id, account: inOrder(), verdict: 'justified', note: 'seen' });
  must(isRefusal(await review(first.person)), 'somebody reviewed their own');
  granted(await review(controllers[1]));
  const [debt] = await world.inStore<{ n: number }>(
    'select count(*)::int as n from curfew.review where request_id = $1',
    [requestId],
  );
  must(debt?.n === 1, 'the review is not kept');
}

/** Nothing secret of the newest requests stands in a history, a log, the audit log, the store or an error (I12). */
async function secretsSought(world: World): Promise<void> {
  const held = await hold(world, 60);
  await refusesLogin(world, { ...held.login, password: 'wrong' });
  granted(await releaseOf(world, held));
  await isClosed(held, 10_000);
  await isOver(world, held.requestId, ['released']);
  const [kept] = await world.inStore<{ verifier: string | null; ticket: string | null }>(
    `select verifier, encode(ticket, 'hex') as ticket from curfew.claim where request_id = $1`,
    [held.requestId],
  );
  const newest = await world.inStore<{ id: RequestId }>(
    'select id from curfew.request order by opened_at desc limit 40',
  );
  const there: RequestId[] = [];
  for (const { id } of newest) {
    const isThere = await world.temporal.workflow
      .getHandle(accessRequestId(id))
      .describe()
      .then(
        () => true,
        () => false,
      );
    if (isThere) there.push(id);
  }
  const ofOthers = [...world.secrets].filter(([name]) => !/ of [0-9a-f-]{36}$/.test(name));
  const ofThese = [...world.secrets].slice(-80);
  const secrets = new Map([...ofOthers, ...ofThese]);
  if (kept?.verifier) secrets.set('a verifier', kept.verifier);
  if (kept?.ticket) secrets.set('a ticket', kept.ticket);
  world.history.write('fault', { secretsSought: secrets.size });
  const { stack, inStore, errors } = world;
  const seen = { stack, inStore, secrets, errors: errors.length > 0 ? errors : ['none'] };
  await searchFor(seen, there, { operations: readFileSync(world.history.file, 'utf8') });
}

async function sqlstateOf(query: Promise<unknown>): Promise<string> {
  const error: unknown = await query.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof DatabaseError ? (error.code ?? 'none') : `no refusal: ${String(error)}`;
}

async function asThief<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Both of the worker's credentials in a thief's hands: no login of their own, no decision, no later end (I14). */
async function stolenCredentials(world: World): Promise<void> {
  const held = await hold(world, 60);
  const { settings } = world.stack;
  const { ports, secrets } = settings;
  world.history.write('fault', { stolen: 'the credentials of the worker' });
  await asThief(storeUrl(settings, 'curfew_worker'), async (client) => {
    for (const text of forbiddenOnStore) {
      const code = await sqlstateOf(client.query(text));
      must(code === '42501', `a thief on the store: ${text}: ${code}`);
    }
  });
  const url = `postgres://curfew_worker:${secrets.targetWorker}@127.0.0.1:${ports.target}/${controlDatabase}`;
  await asThief(url, async (client) => {
    for (const text of forbiddenOnTarget(held.login.role)) {
      const code = await sqlstateOf(client.query(text));
      must(code === '42501', `a thief on the target: ${text}: ${code}`);
    }
  });
  must(held.endedAt() === undefined, 'it ended');
}

/** Without the store nothing is granted, and everything that is due ends; afterwards the log has it. */
async function withoutStore(world: World): Promise<void> {
  const held = await hold(world, 8);
  const asked = await approved(world, 'models', 40);
  const code = await codeFor(world, asked);
  await kill(world, 'store');
  const claimed = await world.claim(code, 4_000).then(
    () => true,
    () => false,
  );
  must(!claimed, 'something was granted that nobody could write down');
  await endsOnTime(world, held, 3_000);
  const made = await world.onTarget('select from pg_roles where rolname = $1', [
    `cfw_${asked.requestId.replaceAll('-', '')}`,
  ]);
  must(made.length === 0, 'a login was made that nobody could write down');
  await until(Date.now() + 2_000);
  await start(world, 'store');
  await isOver(world, held.requestId, ['expired'], 90_000);
  must((await stateOf(world, asked.requestId)) !== 'active', 'it was granted');
}

export const abuse: readonly Experiment[] = [
  {
    fault: 45,
    name: 'a storm of break-glass is bounded, announced before use, and stops at review debt',
    holds: ['I13'],
    busy: false,
    takes: 20,
    run: storm,
  },
  {
    fault: 46,
    name: 'no secret stands anywhere but where it belongs',
    holds: ['I12'],
    busy: false,
    takes: 15,
    run: secretsSought,
  },
  {
    fault: 47,
    name: "the worker's stolen credentials make nothing and change nothing",
    holds: ['I14'],
    busy: true,
    takes: 10,
    run: stolenCredentials,
  },
  {
    fault: 49,
    name: 'without the store nothing is granted, what is due ends, and is written down later',
    holds: ['I2', 'I11', 'I18'],
    busy: true,
    takes: 30,
    run: withoutStore,
  },
];
