/** After each experiment: everything is mended and ends, all of it is waited for, and then nothing may be wrong. */
import { openAccess } from '../../doctor/access.ts';
import { checkAll } from '../../doctor/check-all.ts';
import type { Finding } from '../../doctor/finding.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { clusterName, controlDatabase, sampleTargets } from '../company/targets.ts';
import { standbyName } from '../stack/environments.ts';
import { whileBusy } from './busy.ts';
import { eventually } from './eventually.ts';
import { revokeOf } from './grants.ts';
import type { World } from './world.ts';

/** Every line honest, every part running. */
export async function heal(world: World): Promise<void> {
  const { lines, stack, standby } = world;
  lines.restore();
  for (const part of [stack.worker, stack.api, stack.reaper]) {
    const pid = part.pid();
    if (pid !== null) process.kill(pid, 'SIGCONT');
  }
  await Promise.all([stack.store.start(), stack.target.start(), standby.cluster.start(), stack.temporal.start()]);
  await standby.resumeReplay();
  await Promise.all([stack.worker.start(), stack.api.start(), stack.reaper.start()]);
}

/** Nothing is left to end: what is live is revoked, what is open is withdrawn, as people would. */
export async function closeAll(world: World): Promise<void> {
  const live = await world.inStore<{ id: RequestId; person: PersonId; granted: boolean }>(
    `select r.id, r.person, exists (select from curfew.access_grant g where g.request_id = r.id) as granted
     from curfew.request r left join curfew.projection p on p.request_id = r.id
     where coalesce(p.state, 'requested') <> 'closed' `,
  );
  const queue = live.values();
  const end = ({ id, person, granted }: (typeof live)[number]) =>
    granted ? revokeOf(world, id) : world.use.prompt.withdraw({ requestId: id, person });
  const lane = async (): Promise<void> => {
    for (const one of queue) await whileBusy<unknown>(() => end(one));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

const lanes = 8;

/** Messages that wait, ends that a target owes, and requests that are not closed. */
const openText = `select array_remove(array[
  (select 'outbox ' || count(*) from curfew.outbox where done_at is null having count(*) > 0),
  (select 'intents ' || count(*) from curfew.revoke_intent i join unnest($1::text[]) as t (name) on i.target is null or i.target = t.name
      where not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name) having count(*) > 0),
  (select count(*) || ' requests, of them ' || min(r.id || ' ' || coalesce(p.state, 'requested'))
     from curfew.request r left join curfew.projection p on p.request_id = r.id
     where coalesce(p.state, 'requested') <> 'closed' having count(*) > 0)], null) as open`;

async function settled(world: World, withinMs: number): Promise<void> {
  let open = 'nothing was read';
  await eventually(
    'nothing is under way',
    async () => {
      const [row] = await world.inStore<{ open: string[] }>(openText, [sampleTargets.map(({ name }) => name)]);
      open = row?.open.join('; ') ?? open;
      return open === '';
    },
    { withinMs, everyMs: 200 },
  ).catch((error: unknown) => {
    throw new Error(`after ${withinMs} ms there is still: ${open}`, { cause: error });
  });
}

/** Logins and sessions that a node of the target still has though all is over. */
async function leftOnTarget(world: World): Promise<readonly string[]> {
  const text = `select 'login ' || rolname as what from pg_roles where rolname ~ '^cfw_' and rolcanlogin
     union all select 'session ' || usename from pg_stat_activity where usename ~ '^cfw_'`;
  await world.standby.replayed();
  const [primary, standby] = [await world.onTarget<What>(text), await world.onStandby<What>(text)];
  return [...primary.map(({ what }) => what), ...standby.map(({ what }) => `on the standby: ${what}`)];
}

type What = { readonly what: string };

/** What the checker of the invariants finds. */
export function findings(world: World): Promise<readonly Finding[]> {
  const { settings } = world.stack;
  const administratorAt = (port: number) => ({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password: settings.secrets.targetSuperuser,
  });
  const access = openAccess(administratorAt(settings.ports.target), {
    cluster: clusterName,
    targets: sampleTargets.map(({ name }) => name),
    controlDatabase,
    databases: sampleTargets.flatMap(({ databases }) => [...databases]),
    standbys: [{ name: standbyName, admin: administratorAt(settings.ports.standby) }],
  });
  return checkAll({ store: world.store.admin, targets: [access], now: Date.now() + 1 });
}

/**
 * @param withinMs until nothing is under way any more
 * @returns what is wrong, a sentence each; empty: all is as it must be
 */
export async function quiet(world: World, withinMs: number): Promise<readonly string[]> {
  await heal(world);
  await closeAll(world);
  await settled(world, withinMs);
  const left = await leftOnTarget(world);
  const found = await findings(world);
  const troubles = world.troubles.splice(0);
  return [
    ...left.map((what) => `left on the target: ${what}`),
    ...found.map(({ invariant, code, subject, detail }) => `${invariant} ${code} of ${subject}: ${detail}`),
    ...troubles.map((what) => `a part ended by itself: ${what}`),
  ];
}
