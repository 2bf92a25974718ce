/** Faults of people who decide: races, loops, and a policy that changes between two words. */
import { randomUUID } from 'node:crypto';
import type { RequestId } from '../../../domain/ids.ts';
import { isRefusal } from '../../../domain/errors.ts';
import { minuteMs } from '../../../domain/time.ts';
import { apply } from '../../../store/people.ts';
import { policyText } from '../../company/directory.ts';
import type { Experiment } from '../experiment.ts';
import { approved, ask, becomes, codeFor, decide, granted, inOrder, isShut, must, stateOf, wishes } from '../grants.ts';
import { between, oneOf, type Chance } from '../seeded.ts';
import { grantee, hire, owners, type Person } from '../staff.ts';
import { putPolicy } from '../traffic.ts';
import { apis, type World } from '../world.ts';

/** Two calls at once from processes that may die over them; afterwards one outcome of each, and everybody counted once. */
async function races(world: World, chance: Chance): Promise<void> {
  const kinds = ['approve approve', 'approve withdraw', 'approve deny', 'same approve', 'claim withdraw'] as const;
  const plans = Array.from({ length: 10 }, () => ({
    kind: oneOf(chance, kinds),
    by: [oneOf(chance, apis), oneOf(chance, apis)] as const,
    lateMs: between(chance, 0, 30),
  }));
  await Promise.all(
    plans.map(async ({ kind, by, lateMs }) => {
      const both = kind === 'approve approve';
      const asked = await ask(world, both ? 'both' : 'orders', 60);
      const { requestId, who } = asked;
      await becomes(world, requestId, 'awaiting');
      const [first, second] = owners.orders;
      const withdraw = () => world.use[by[1]].withdraw({ requestId, person: who.id });
      if (kind === 'claim withdraw') {
        granted(await decide(world, requestId, first));
        await becomes(world, requestId, 'approved');
      }
      const later = async (act: () => Promise<unknown>): Promise<unknown> => {
        await new Promise((resolve) => setTimeout(resolve, lateMs));
        return act();
      };
      const acts: Readonly<Record<(typeof kinds)[number], readonly [() => Promise<unknown>, () => Promise<unknown>]>> =
        {
          'approve approve': [
            () => decide(world, requestId, first, 'approve', by[0]),
            () => decide(world, requestId, second, 'approve', by[1]),
          ],
          'same approve': [
            () => decide(world, requestId, first, 'approve', by[0]),
            () => decide(world, requestId, first, 'approve', by[1]),
          ],
          'approve deny': [
            () => decide(world, requestId, first, 'approve', by[0]),
            () => decide(world, requestId, second, 'deny', by[1]),
          ],
          'approve withdraw': [() => decide(world, requestId, first, 'approve', by[0]), withdraw],
          'claim withdraw': [async () => world.claim(await codeFor(world, asked), 15_000), withdraw],
        };
      const [one, other] = acts[kind];
      await Promise.allSettled([one(), later(other)]);
      await onlyOnce(world, requestId);
    }),
  );
}

async function onlyOnce(world: World, requestId: RequestId): Promise<void> {
  const [row] = await world.inStore<{ people: number; decisions: number; entries: number; closes: number }>(
    `select count(distinct d.person)::int as people, count(d.id)::int as decisions,
       (select count(*)::int from audit.entry where subject = $1::text and kind = 'decision.made') as entries,
       (select count(*)::int from audit.entry where subject = $1::text and kind in ('grant.ended', 'request.closed')) as closes
     from curfew.decision d where d.request_id = $1::uuid`,
    [requestId],
  );
  must(
    row && row.people === row.decisions && row.entries === row.decisions,
    `decisions of ${requestId}: ${JSON.stringify(row)}`,
  );
  must(row.closes <= 1, `${requestId} was closed ${row.closes} times`);
}

/** What was approved under the old policy is not granted under one that wants more. */
async function stricterPolicy(world: World): Promise<void> {
  const asked = await approved(world, 'orders', 60);
  const stricter = policyText().replace(
    '- { name: data owners, from: [group:data-owners], need: 1, remindAfter: 30m }',
    '- { name: data owners, from: [group:data-owners], need: 2, remindAfter: 30m }',
  );
  must(stricter !== policyText(), 'the sample policy has no such stage');
  await putPolicy(world, stricter);
  world.history.write('fault', { policy: 'stricter' });
  try {
    const code = await world.use.prompt.mintCode({ requestId: asked.requestId, person: asked.who.id });
    if (!isRefusal(code)) {
      const claimed = await world.claim(code.code, 15_000).then(
        () => true,
        () => false,
      );
      must(!claimed, 'what one person approved was granted where two have to');
    }
    await isShut(world, asked.requestId);
    must((await stateOf(world, asked.requestId)) !== 'active', 'it is active');
  } finally {
    await putPolicy(world, `${policyText()}\n# version ${world.next()}\n`);
  }
}

/** Seats that would be one's own by a detour. */
async function loops(world: World): Promise<void> {
  const [owner, deputy] = await hire(world, 'data-owner', 2);
  const who = await grantee(world);
  must(owner && deputy, 'nobody was hired');
  const away = (person: Person, delegate: Person) =>
    world.use.prompt.away({
      person: person.id,
      delegate: delegate.id,
      account: inOrder(),
      fromAt: Date.now() - 1_000,
      untilAt: Date.now() + 10 * minuteMs,
    });
  // The owner names the requester, the requester the owner; and two owners each other.
  await away(owner, who);
  await away(who, owner);
  const mine = await ask(world, 'orders', 30, { who });
  await becomes(world, mine.requestId, 'awaiting');
  const own = await decide(world, mine.requestId, who);
  must(isRefusal(own), 'somebody decided on their own request as a delegate');
  await away(owner, deputy);
  await away(deputy, owner);
  const [double] = await hire(world, 'grantee', 1);
  must(double, 'nobody was hired');
  const two = await ask(world, 'both', 30, { who: double });
  await becomes(world, two.requestId, 'awaiting');
  await decide(world, two.requestId, deputy);
  await decide(world, two.requestId, deputy);
  must((await stateOf(world, two.requestId)) === 'awaiting', 'one person filled two seats of a loop');
  // Two accounts of one human: the requester's alias is the requester, and two aliases are one seat.
  const alias = await hire(world, 'data-owner', 1, { aliases: [who.id] });
  const again = await ask(world, 'orders', 30, { who });
  await becomes(world, again.requestId, 'awaiting');
  for (const one of alias) must(isRefusal(await decide(world, again.requestId, one)), 'an alias approved its own');
  // One's own manager is oneself: there is nobody to ask.
  await world.store.directory
    .transaction((tx) =>
      apply(tx, { handle: double.handle, manager: double.id, version: Date.now() }, 'curfew_directory').then(
        () => undefined,
      ),
    )
    .catch(() => undefined);
  const write = await world.use.prompt.open({
    person: double.id,
    kind: 'access',
    target: wishes.orders.target,
    role: 'write',
    durationMs: 60_000,
    reason: 'an experiment',
    key: randomUUID(),
  });
  if (!isRefusal(write))
    must(isRefusal(await decide(world, write.requestId, double)), 'somebody was their own manager');
}

export const people: readonly Experiment[] = [
  {
    fault: 37,
    name: 'of two calls at once each request has one outcome, and nobody counts twice',
    holds: ['I6', 'I7', 'I10', 'I11'],
    busy: true,
    takes: 25,
    run: races,
  },
  {
    fault: 39,
    name: 'what was approved under a policy is not granted under a stricter one',
    holds: ['I7', 'I8'],
    busy: false,
    takes: 10,
    run: stricterPolicy,
  },
  {
    fault: 40,
    name: 'nobody approves by a loop of delegates, aliases or managers',
    holds: ['I6'],
    busy: true,
    takes: 15,
    run: loops,
  },
];
