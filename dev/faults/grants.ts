/** What people do in an experiment, through the use cases and the API, and what must be seen of a grant afterwards. */
import { randomUUID } from 'node:crypto';
import { DatabaseError, type Client } from 'pg';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import { roleOf, type RequestId } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import type { Verdict } from '../../domain/decision.ts';
import { controlDatabase } from '../company/targets.ts';
import { whileBusy } from './busy.ts';
import { eventually } from './eventually.ts';
import { controllers, grantee, owners, type Person } from './staff.ts';
import type { Api, Login, World } from './world.ts';

/** What is asked for: nobody has to decide `models`; `orders` takes one owner's word, `labels` a maintainer's, `both` two. */
export const wishes = {
  models: { target: 'models-prod', role: 'read', deciders: [] },
  orders: { target: 'orders-prod', role: 'read', deciders: [owners.orders[0]] },
  labels: { target: 'models-prod', role: 'write', deciders: [owners.models[0]] },
  both: { target: 'orders-prod', role: 'maintain', deciders: owners.orders },
} as const satisfies Readonly<
  Record<string, { readonly target: string; readonly role: string; readonly deciders: readonly Person[] }>
>;
export type Wish = keyof typeof wishes;

/** An account in order, as Slack would say of whoever clicks. */
export const inOrder = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: Date.now() });

/** @throws Error where it was refused */
export function granted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(`${answer.code}: ${answer.message}`);
  return answer;
}

export type Asked = { readonly requestId: RequestId; readonly who: Person; readonly wish: Wish };

export async function ask(
  world: World,
  wish: Wish,
  seconds: number,
  { who, by = 'prompt', key = randomUUID() }: { readonly who?: Person; readonly by?: Api; readonly key?: string } = {},
): Promise<Asked> {
  const person = who ?? (await grantee(world));
  const { target, role } = wishes[wish];
  const opened = await whileBusy(() =>
    world.use[by].open({
      person: person.id,
      kind: 'access',
      target,
      role,
      durationMs: seconds * secondMs,
      reason: 'an experiment',
      key,
    }),
  );
  return { requestId: granted(opened).requestId, who: person, wish };
}

/** A decision on what is shown now. */
export async function decide(
  world: World,
  requestId: RequestId,
  person: Person,
  verdict: Verdict = 'approve',
  by: Api = 'prompt',
) {
  const [row] = await world.inStore<{ digest: string }>('select digest from curfew.request where id = $1', [requestId]);
  return whileBusy(() =>
    world.use[by].decide({
      requestId,
      person: person.id,
      account: inOrder(),
      digest: row?.digest ?? '',
      verdict,
      ...(verdict === 'deny' ? { reason: 'not now' } : {}),
    }),
  );
}

/** Asked for and, where somebody has to, approved. */
export async function approved(world: World, wish: Wish, seconds: number, who?: Person): Promise<Asked> {
  const asked = await ask(world, wish, seconds, who ? { who } : {});
  for (const decider of wishes[wish].deciders) granted(await decide(world, asked.requestId, decider));
  await becomes(world, asked.requestId, 'approved');
  return asked;
}

/** The code of a one-time link. */
export async function codeFor(world: World, { requestId, who }: Asked): Promise<string> {
  return granted(await whileBusy(() => world.use.prompt.mintCode({ requestId, person: who.id }))).code;
}

export type Held = Asked & {
  readonly login: Login;
  /** With an open transaction. */
  readonly session: Client;
  /** When the server closed that session. */
  readonly endedAt: () => number | undefined;
};

/** A grant, and a session that uses it. */
export async function hold(world: World, seconds: number, wish: Wish = 'models', who?: Person): Promise<Held> {
  const asked = await approved(world, wish, seconds, who);
  return enter(world, asked, await world.claim(await codeFor(world, asked)));
}

/** A session on a login that is there. */
export async function enter(world: World, asked: Asked, login: Login): Promise<Held> {
  const session = await world.connect(login);
  let endedAt: number | undefined;
  session.once('end', () => (endedAt = Date.now()));
  await session.query('begin');
  return { ...asked, login, session, endedAt: () => endedAt };
}

export const releaseOf = (world: World, { requestId, who }: Asked, by: Api = 'prompt') =>
  whileBusy(() => world.use[by].release({ requestId, person: who.id }));

/** By somebody who may end any grant. */
export const revokeOf = (world: World, requestId: RequestId, by: Api = 'prompt') =>
  whileBusy(() => world.use[by].revoke({ requestId, person: controllers[0].id, account: inOrder() }));

export const stateOf = async (world: World, requestId: RequestId): Promise<string> =>
  (await world.inStore<{ state: string }>('select state from curfew.projection where request_id = $1', [requestId]))[0]
    ?.state ?? 'none';

export const becomes = (world: World, requestId: RequestId, state: string, withinMs = 30_000): Promise<true> =>
  eventually(`${requestId} is ${state}`, async () => (await stateOf(world, requestId)) === state, { withinMs });

/** The store has it closed with one of these outcomes, once, and the target agrees: a tombstone, no login, no session. */
export async function isOver(
  world: World,
  requestId: RequestId,
  outcomes: readonly string[],
  withinMs = 60_000,
): Promise<void> {
  await becomes(world, requestId, 'closed', withinMs);
  const [row] = await world.inStore<{ outcome: string; closes: number; receipts: number }>(
    `select p.outcome, (select count(*)::int from audit.entry where subject = $1::text and kind in ('grant.ended', 'request.closed')) as closes,
       (select count(*)::int from curfew.receipt where request_id = $1::uuid and kind = 'revoke') as receipts
     from curfew.projection p where p.request_id = $1::uuid`,
    [requestId],
  );
  must(row && outcomes.includes(row.outcome), `${requestId} ended ${row?.outcome}, not ${outcomes.join(' or ')}`);
  must(row?.closes === 1, `${requestId} has ${row?.closes} entries of its close`);
  must((row?.receipts ?? 0) <= 1, `${requestId} has ${row?.receipts} receipts of its end`);
  await isShut(world, requestId);
}

/** Whatever the store says: on the target there is no way in. */
export async function isShut(world: World, requestId: RequestId): Promise<void> {
  const [row] = await world.onTarget<{ ledger: string | null; logins: number; sessions: number; members: number }>(
    `select (select state from curfew.ledger where grant_id = $1::uuid) as ledger,
       (select count(*)::int from pg_roles where rolname = $2 and rolcanlogin) as logins,
       (select count(*)::int from pg_stat_activity where usename = $2) as sessions,
       (select count(*)::int from pg_auth_members where member = to_regrole($2)) as members`,
    [requestId, roleOf(requestId)],
    controlDatabase,
  );
  must(
    row && row.ledger !== 'active' && row.logins === 0 && row.sessions === 0 && row.members === 0,
    `${requestId} is not shut: ${JSON.stringify(row)}`,
  );
}

/** The server itself says no (I3): 28P01, 28000. */
export async function refusesLogin(world: World, login: Login): Promise<void> {
  const outcome: unknown = await world.connect(login).then(
    async (session) => {
      await session.end();
      return 'it came in';
    },
    (thrown: unknown) => thrown,
  );
  must(
    outcome instanceof DatabaseError && outcome.code?.startsWith('28') === true,
    `a login after the end: ${String(outcome)}`,
  );
}

/** Its session is closed by its end, not before and not later than so long after it, and no login comes in. */
export async function endsOnTime(world: World, held: Held, lateMs = 2_500): Promise<void> {
  const at = await isClosed(held, held.login.endAt - Date.now() + lateMs + 10_000);
  must(at >= held.login.endAt - 50, `a session was closed ${held.login.endAt - at} ms before its end`);
  must(at <= held.login.endAt + lateMs, `a session was closed ${at - held.login.endAt} ms after its end`);
  await refusesLogin(world, held.login);
}

/** @returns when */
export const isClosed = (held: Held, withinMs: number): Promise<number> =>
  eventually(`the session of ${held.requestId} is closed`, held.endedAt, { withinMs: Math.max(withinMs, 1_000) });

export function must(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** May its role log in? Undefined: there is none any more. */
export const canLogin = async (world: World, requestId: RequestId): Promise<boolean | undefined> =>
  (
    await world.onTarget<{ can: boolean }>('select rolcanlogin as can from pg_roles where rolname = $1', [
      roleOf(requestId),
    ])
  )[0]?.can;
