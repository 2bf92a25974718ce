/** Real requests with their Workflows: asked for, claimed and held, through the use cases that every surface calls. */
import { setTimeout as pause } from 'node:timers/promises';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { secondMs } from '../../domain/time.ts';
import type { UseCases } from '../../service/contract.ts';
import { makeVerifier } from '../../targets/postgres/verifier.ts';
import { granted } from '../use-cases.ts';
import type { Ground } from './ground.ts';

const verifier = makeVerifier('a-password-of-the-bench');
/** Asked for at once: more is no faster on a small machine. */
const hands = 8;

/** An ML engineer of the sample company, to whom the policy gives models without anybody's word. */
export async function idOf({ store }: Ground, handle: string): Promise<PersonId> {
  const { rows } = await store.query<{ id: PersonId }>('select id from curfew.person where handle = $1', [handle]);
  const [row] = rows;
  if (!row) throw new Error(`the sample company has no ${handle}`);
  return row.id;
}

/**
 * Resolves when all of them are held.
 * @param endAt when they end, epoch ms; a second more or less
 */
export async function realGrants(
  ground: Ground,
  useCases: UseCases,
  { person, count, endAt }: { readonly person: PersonId; readonly count: number; readonly endAt: number },
): Promise<readonly RequestId[]> {
  const ids: RequestId[] = [];
  const one = async (n: number): Promise<void> => {
    const durationMs = Math.floor((endAt - Date.now()) / secondMs) * secondMs;
    const ask = { person, kind: 'access', target: 'models-prod', role: 'read', durationMs } as const;
    const { requestId } = granted(await useCases.open({ ...ask, reason: 'a storm', key: `storm-${endAt}-${n}` }));
    const { code } = granted(await untilGiven(() => useCases.mintCode({ requestId, person })));
    granted(await useCases.claim({ code, verifier, address: '127.0.0.1' }));
    ids.push(requestId);
  };
  let next = 0;
  await Promise.all(
    Array.from({ length: hands }, async () => {
      while (next < count) await one(next++);
    }),
  );
  await untilAll(ground, ids, 'active');
  return ids;
}

/** What is not there yet a moment after it was asked for is asked for again. */
async function untilGiven<T>(ask: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    const answer = await ask();
    const refused = (answer as { readonly kind?: unknown }).kind === 'refusal';
    if (!refused || tried > 100) return answer;
    await pause(100);
  }
}

/** Until the store has each of them in this state. @throws Error after `withinMs` */
export async function untilAll(
  { store }: Ground,
  ids: readonly RequestId[],
  state: 'active' | 'closed',
  withinMs = 300_000,
): Promise<void> {
  for (const giveUpAt = Date.now() + withinMs; ;) {
    const { rows } = await store.query<{ n: number }>(
      'select count(*)::int as n from curfew.projection where request_id = any ($1::uuid[]) and state = $2',
      [ids, state],
    );
    if (rows[0]?.n === ids.length) return;
    if (Date.now() > giveUpAt) throw new Error(`${rows[0]?.n} of ${ids.length} are ${state} after ${withinMs} ms`);
    await pause(50);
  }
}
