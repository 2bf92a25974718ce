/** What a grant costs while very many others live: the curve over the number of live roles, in either mode. */
import { hourMs } from '../../domain/time.ts';
import { timed, type Metric } from '../metric.ts';
import type { Ground } from './ground.ts';
import { makePeople, seed } from './seed.ts';

export type Point = { readonly live: number; readonly grantMs: number; readonly revokeMs: number };

const probes = 40;

/** At each of these numbers of live roles, in growing order: the middle of some grants and of their revokes. */
export async function curve(ground: Ground, lives: readonly number[]): Promise<readonly Point[]> {
  const [person] = await makePeople(ground, 1);
  if (!person) throw new Error('nobody was made');
  const endAt = Date.now() + hourMs;
  const points: Point[] = [];
  let live = 0;
  for (const wanted of lives) {
    await seed(ground, wanted - live, { personOf: () => person, endAt });
    live = wanted;
    // What autovacuum would have done meanwhile: the catalogs are the same for whoever looks afterwards.
    await ground.target
      .query('vacuum analyze pg_authid; vacuum analyze pg_auth_members; analyze curfew.ledger')
      .catch(() => undefined);
    const grants: number[] = [];
    const revokes: number[] = [];
    for (let n = 0; n < probes; n += 1) {
      let ids: readonly string[] = [];
      grants.push(
        await timed(
          async () => void (ids = (await seed(ground, 1, { personOf: () => person, endAt })).map(({ id }) => id)),
        ),
      );
      revokes.push(await timed(() => ground.worker.revokeMany(ids)));
    }
    points.push({ live, grantMs: middle(grants), revokeMs: middle(revokes) });
    ground.say(`${live.toLocaleString('en')} live: a grant takes ${middle(grants)} ms, a revoke ${middle(revokes)} ms`);
  }
  return points;
}

/** How much dearer the dearest grant is than the first one. */
export function flatness(points: readonly Point[], budget: number): Metric {
  const [first] = points;
  if (!first) throw new Error('nothing was measured');
  const value = Number((Math.max(...points.map(({ grantMs }) => grantMs)) / first.grantMs).toFixed(3));
  return { metric: 'grant.flat.ratio', value, budget, ok: value <= budget };
}

const middle = (values: readonly number[]): number => {
  const sorted = values.toSorted((one, other) => one - other);
  return Number((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(2));
};
