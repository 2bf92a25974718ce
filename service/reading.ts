/** Whom a request concerns, so that they may read where it stands. */
import { isRefusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { sameHuman } from '../domain/person.ts';
import { mayEnd, mayReadEverything } from '../policy/powers.ts';
import { factsOfMany } from '../store/people.ts';
import type { Context } from './context.ts';
import { lastUnderstood } from './policy-in-force.ts';
import { mayLook } from './review-model.ts';
import type { Standing } from './standing.ts';

/**
 * Those who asked, decided or could decide; those who could end it; and whom the policy lets read everything. Where the
 * policy that holds cannot be read, the last one that could says who answers for the target: it gives nothing away but
 * this.
 */
export async function mayRead(ctx: Context, standing: Standing, person: PersonId): Promise<boolean> {
  const { row, decisions } = standing;
  const involved = [row.person, ...decisions.map((decision) => decision.person)];
  const people = await factsOfMany(ctx.store, [...new Set([person, ...involved])]);
  const reader = people.find(({ id }) => id === person);
  if (!reader) return false;
  if (people.some((one) => one !== reader && involved.includes(one.id) && sameHuman(one, reader))) return true;
  if (involved.includes(person)) return true;
  const policy = await ctx.policy().catch(() => lastUnderstood(ctx.store));
  if (policy && (mayReadEverything(policy, reader) || mayEnd(policy, reader, row.target))) return true;
  return !isRefusal(await mayLook(ctx, standing, person));
}
