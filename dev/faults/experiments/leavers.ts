/** Faults of what is said of people: who leaves when, who says so how often, and word that is lost. */
import { randomUUID } from 'node:crypto';
import { scimTokenMade } from '../../../domain/events/people.ts';
import type { RequestId } from '../../../domain/ids.ts';
import { isRefusal } from '../../../domain/errors.ts';
import { minuteMs, secondMs } from '../../../domain/time.ts';
import { append } from '../../../store/audit.ts';
import { makeToken } from '../../../service/scim-secret.ts';
import { apiUrl } from '../../stack/environments.ts';
import { eventually } from '../eventually.ts';
import type { Experiment } from '../experiment.ts';
import {
  approved,
  ask,
  becomes,
  codeFor,
  decide,
  enter,
  granted,
  hold,
  isClosed,
  isOver,
  must,
  refusesLogin,
  type Asked,
  type Held,
} from '../grants.ts';
import { deliver, hrSays } from '../hr.ts';
import { oneOf, type Chance } from '../seeded.ts';
import { grantee, hire, type Person } from '../staff.ts';
import { type World } from '../world.ts';
import * as tokens from '../../../store/scim-tokens.ts';

const aliveWord = async (world: World, { id }: Person): Promise<string> =>
  (await world.inStore<{ state: string }>('select state from curfew.person where id = $1', [id]))[0]?.state ?? 'none';

const liveOf = (world: World, person: Person) =>
  world.inStore<{ id: RequestId }>(
    `select r.id from curfew.request r left join curfew.projection p on p.request_id = r.id
     where r.person = $1 and coalesce(p.state, 'requested') <> 'closed'`,
    [person.id],
  );

/** Each delivery five times, out of order, stale and from the future, and with signatures that are none. */
async function deliveries(world: World): Promise<void> {
  const held = await hold(world, 60);
  const { handle } = held.who;
  const now = Date.now();
  const bad = [
    { what: 'five minutes and a second old', stampedAt: now - 5 * minuteMs - secondMs },
    { what: 'from six minutes ahead', stampedAt: now + 6 * minuteMs },
    { what: 'signed wrongly', signature: `v1,${Buffer.alloc(32).toString('base64')}` },
    { what: 'not signed', signature: '' },
  ];
  for (const { what, ...word } of bad) {
    const { status } = await deliver(world, { handle, state: 'left', ...word });
    must(status === 401 || status === 400, `a delivery ${what} was answered ${status}`);
  }
  must(held.endedAt() === undefined, 'a delivery without a signature that holds ended a session');
  const id = randomUUID();
  const version = Date.now();
  const word = { handle, state: 'left', id, version, stampedAt: now - 5 * minuteMs + 20 * secondMs } as const;
  const answers = await Promise.all(Array.from({ length: 5 }, () => deliver(world, word)));
  must(
    answers.every(({ status }) => status === 200),
    `repeats were answered ${answers.map(({ status }) => status).join(', ')}`,
  );
  must(new Set(answers.map(({ body }) => JSON.stringify(body))).size === 1, 'repeats were answered differently');
  // A word that is older than what is known brings nobody back.
  await deliver(world, { handle, state: 'active', version: version - 1_000 });
  must((await aliveWord(world, held.who)) === 'left', 'an older word brought somebody back');
  const [left] = await world.inStore<{ n: number }>(
    `select count(*)::int as n from audit.entry where kind = 'person.changed' and subject = $1 and convert_from(body, 'UTF8') like '%left%'`,
    [held.who.id],
  );
  must((left?.n ?? 0) <= 1, `one leaving has ${left?.n} entries`);
  await isClosed(held, 5_000);
  await isOver(world, held.requestId, ['revoked']);
}

const steps = ['awaiting', 'approved', 'active'] as const;

/** Whoever approved, or asked, leaves at some step; and a rehire comes before the word that it follows. */
async function leaversAtEachStep(world: World, chance: Chance): Promise<void> {
  for (const step of steps) {
    const [owner] = await hire(world, 'data-owner', 1);
    const who = await grantee(world);
    const leaver = oneOf<'requester' | 'approver'>(chance, ['requester', 'approver']);
    must(owner, 'nobody was hired');
    const asked = await ask(world, step === 'awaiting' ? 'both' : 'orders', 60, { who });
    const { requestId } = asked;
    granted(await decide(world, requestId, owner));
    await becomes(world, requestId, step === 'awaiting' ? 'awaiting' : 'approved');
    const held = step === 'active' ? await holdOf(world, asked) : undefined;
    world.history.write('fault', { leaver, step });
    const leaving = leaver === 'requester' ? who : owner;
    const saidAt = Date.now();
    await hrSays(world, { handle: leaving.handle, state: 'left' });
    if (leaver === 'requester') {
      if (held) await isClosed(held, 5_000);
      await isOver(world, requestId, ['revoked', 'withdrawn', 'cancelled', 'denied', 'lapsed']);
      must((await liveOf(world, who)).length === 0, 'a leaver has an open request');
    } else if (step !== 'active') {
      const claim = await world.use.prompt.mintCode({ requestId, person: who.id });
      must(isRefusal(claim), 'an approval of a leaver let somebody claim');
    }
    // A rehire that overtakes its termination, and one that follows it, bring nothing back (I9).
    await deliver(world, { handle: leaving.handle, state: 'active', version: saidAt - 5_000 });
    must((await aliveWord(world, leaving)) === 'left', 'a rehire that came late brought somebody back');
    await hrSays(world, { handle: leaving.handle, state: 'active' });
    if (held && leaver === 'requester') await refusesLogin(world, held.login);
  }
}

const holdOf = async (world: World, asked: Asked): Promise<Held> =>
  enter(world, asked, await world.claim(await codeFor(world, asked)));

const fleet = { people: 200, grants: 500, lanes: 12 } as const;

/** Two hundred people leave at once. */
async function fleetLeaves(world: World): Promise<void> {
  const people = await hire(world, 'grantee', fleet.people);
  const wanted = Array.from({ length: fleet.grants }, (_, n) => people[n % people.length] as Person);
  const queue = wanted.values();
  const asked: Asked[] = [];
  await Promise.all(
    Array.from({ length: fleet.lanes }, async () => {
      for (const who of queue) {
        const one = await approved(world, 'models', 900, who);
        await world.claim(await codeFor(world, one));
        asked.push(one);
      }
    }),
  );
  world.history.write('fault', { leave: people.length, grants: asked.length });
  const saidAt = Date.now();
  const words = people.values();
  await Promise.all(
    Array.from({ length: fleet.lanes }, async () => {
      for (const { handle } of words) await hrSays(world, { handle, state: 'left' });
    }),
  );
  const ids = asked.map(({ requestId }) => `cfw_${requestId.replaceAll('-', '')}`);
  await eventually(
    'no login and no session of theirs is left',
    async () => {
      const [row] = await world.onTarget<{ n: number }>(
        `select (select count(*) from pg_roles where rolname = any($1) and rolcanlogin)::int + (select count(*) from pg_stat_activity where usename = any($1))::int as n`,
        [ids],
      );
      return row?.n === 0;
    },
    { withinMs: 60_000, everyMs: 100 },
  );
  world.history.measured({ safeAfterMs: Date.now() - saidAt });
}

/** HR's word is lost: the identity provider says so as well. */
async function lostWord(world: World): Promise<void> {
  const held = await hold(world, 60);
  const { shown, hash } = makeToken();
  const id = randomUUID();
  const source = 'scim-faults';
  const said = {
    source,
    scopes: tokens.scimScopes,
    inactive: 'left',
    expiresAt: Date.now() + 10 * minuteMs,
  } as const;
  await world.store.admin.transaction(async (tx) => {
    await tokens.insert(tx, { id, ...said, hash });
    await append(tx, scimTokenMade('curfew_admin', id, said));
  });
  world.secrets.set('a SCIM token', shown);
  world.history.write('fault', { lost: 'the hook of HR' });
  const scim = async (method: 'POST' | 'PATCH', path: string, body: object) => {
    const response = await fetch(`${apiUrl(world.stack.settings)}/scim/v2/Users${path}`, {
      method,
      headers: { authorization: `Bearer ${shown}`, 'content-type': 'application/scim+json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    must(response.status < 300, `SCIM was answered ${response.status}: ${text}`);
    return (text === '' ? {} : JSON.parse(text)) as { readonly id?: string };
  };
  const userName = held.who.handle;
  const user = await scim('POST', '', {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
    userName,
    active: true,
  });
  must(held.endedAt() === undefined, 'being known to another source ended a session');
  await scim('PATCH', `/${user.id}`, {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations: [{ op: 'Replace', path: 'active', value: 'False' }],
  });
  await isClosed(held, 5_000);
  await refusesLogin(world, held.login);
  await isOver(world, held.requestId, ['revoked']);
}

export const leavers: readonly Experiment[] = [
  {
    fault: 36,
    name: "HR's word five times, out of order, stale, from the future or not signed has one effect, or none",
    holds: ['I9', 'I10'],
    busy: true,
    takes: 10,
    run: deliveries,
  },
  {
    fault: 38,
    name: 'whoever asked or approved leaves at any step, and a rehire brings nothing back',
    holds: ['I8', 'I9'],
    busy: true,
    takes: 20,
    run: leaversAtEachStep,
  },
  {
    fault: 41,
    name: 'two hundred people with five hundred grants leave at once, and are out within the minute',
    holds: ['I9'],
    busy: false,
    takes: 240,
    run: fleetLeaves,
  },
  {
    fault: 42,
    name: "a leaver whose hook was lost is out by the identity provider's word",
    holds: ['I9'],
    busy: true,
    takes: 10,
    run: lostWord,
  },
];
