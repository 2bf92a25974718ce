/** Plays a schedule. Whatever an operation is answered, or that it is not, is written down; what must never be, is told. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { messageOf } from '../trouble.ts';
import { policyText } from '../company/directory.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { secondMs } from '../../domain/time.ts';
import { apply as applyPolicy } from '../../store/policies.ts';
import { eventually } from './eventually.ts';
import { ask, codeFor, decide, granted, inOrder, releaseOf, revokeOf, wishes, type Asked } from './grants.ts';
import type { Act, Step, Story } from './schedule.ts';
import { hrSays } from './hr.ts';
import { controllers } from './staff.ts';
import type { Login, World } from './world.ts';

export type Traffic = {
  /** Waits for every story to be told. @returns what must never be, a sentence each */
  readonly over: () => Promise<readonly string[]>;
};

type Told = { readonly asked?: Asked; readonly login?: Login; readonly session?: Client };

/** So long may one operation take before the story goes on without its answer. */
const patienceMs = 20_000;

export function startTraffic(world: World, stories: readonly Story[]): Traffic {
  const wrong: string[] = [];
  const startedAt = Date.now();
  const told = stories.map(async (story) => {
    let so: Told = {};
    for (const step of story.steps) {
      await pause(Math.max(0, startedAt + step.atMs - Date.now()));
      const late = new AbortController();
      const answer = await Promise.race([
        act(world, story, step, so, wrong).catch((error: unknown): Told => {
          noted(world, step, messageOf(error));
          return {};
        }),
        pause(patienceMs, undefined, { signal: late.signal }).then(
          () => noted(world, step, 'no answer in time'),
          () => undefined,
        ),
      ]);
      late.abort();
      so = { ...so, ...answer };
    }
    await so.session?.end().catch(() => undefined);
  });
  return {
    over: async () => {
      await Promise.all(told);
      return wrong;
    },
  };
}

const noted = (world: World, { act: op, slot }: Step, answer: string): void =>
  world.history.write(`traffic ${op}`, { slot, answer });

async function act(world: World, story: Story, step: Step, { asked, login }: Told, wrong: string[]): Promise<Told> {
  const { wish, seconds } = story;
  if (step.act === 'ask') return { asked: await ask(world, wish, seconds, { by: step.by }) };
  if (step.act === 'change-policy') return touchPolicy(world).then(() => ({}));
  if (!asked) return {};
  const { requestId, who } = asked;
  const use = world.use[step.by];
  const acts: Readonly<Record<Exclude<Act, 'ask' | 'change-policy'>, () => Promise<Told>>> = {
    approve: () => decide(world, requestId, wishes[wish].deciders[0] ?? who, 'approve', step.by).then(() => ({})),
    deny: () => decide(world, requestId, wishes[wish].deciders[0] ?? who, 'deny', step.by).then(() => ({})),
    withdraw: () => use.withdraw({ requestId, person: who.id }).then(() => ({})),
    claim: () => work(world, asked, wrong),
    'set-role': () => trySetRole(world, login, wrong).then(() => ({})),
    release: () => releaseOf(world, asked, step.by).then(() => ({})),
    revoke: () => revokeOf(world, requestId, step.by).then(() => ({})),
    extend: () =>
      use.extend({ requestId, person: who.id, byMs: 5 * secondMs, key: `${requestId}-more` }).then(() => ({})),
    leave: () => says(world, who.handle, 'left'),
    rehire: () => says(world, who.handle, 'active'),
  };
  return acts[step.act]();
}

/** Claims, comes in, and asks again and again until it is told to go. */
async function work(world: World, asked: Asked, wrong: string[]): Promise<Told> {
  const code = await eventually('it may be claimed', () => codeFor(world, asked), { withinMs: 6_000, everyMs: 500 });
  const login = await world.claim(code, 10_000);
  const session = await world.connect(login);
  void (async () => {
    let answered = 0;
    for (;;) {
      // The end of a grant that was extended is the target's word, not the claim's.
      if (Date.now() > login.endAt + 60_000) {
        wrong.push(`a session of ${asked.requestId} was answered a minute after its end`);
        return;
      }
      await session.query('select count(*) from pg_class');
      answered += 1;
      await pause(50);
      if (answered === 1) world.history.write('session', { request: asked.requestId });
    }
  })().catch(() => world.history.write('session over', { request: asked.requestId }));
  return { login, session };
}

/** A grantee may use a template and never become it (P2). */
async function trySetRole(world: World, login: Login | undefined, wrong: string[]): Promise<void> {
  if (!login) return;
  const session = await world.connect(login);
  try {
    for (const role of ['models_read', 'models_write', 'orders_read', 'curfew_owner', 'postgres']) {
      const came = await session.query(`set role ${role}`).then(
        () => true,
        () => false,
      );
      if (came) wrong.push(`${login.role} became ${role}`);
    }
    world.history.write('set role', { request: login.requestId });
  } finally {
    await session.end().catch(() => undefined);
  }
}

async function says(world: World, handle: string, state: 'left' | 'active'): Promise<Told> {
  await hrSays(world, { handle, state });
  return {};
}

/** Another version with the same meaning: what was judged by the old one is judged by the new one. */
const touchPolicy = (world: World): Promise<void> => putPolicy(world, `${policyText()}\n# version ${world.next()}\n`);

/** As `curfew policy apply` has it: proposed by an operator, adopted with the word of two access controllers. */
export async function putPolicy(world: World, text: string): Promise<void> {
  const parsed = parsePolicy(text);
  if (!parsed.ok) throw new Error(parsed.issues.map(({ message }) => message).join('; '));
  const { hash } = parsed.policy;
  const applied = await world.store.admin.transaction((tx) => applyPolicy(tx, { hash, text }, 'curfew_admin'));
  world.history.write('policy', { hash, kind: applied.kind });
  if (applied.kind !== 'proposed' || !applied.proposal) return;
  for (const { id: person } of controllers) {
    const word = { proposalId: applied.proposal, person, account: inOrder(), hash, verdict: 'approve' } as const;
    granted(await world.use.prompt.decideProposal(word));
  }
}
