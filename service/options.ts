import { CurfewError, isRefusal, type Refusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import { hourMs } from '../domain/time.ts';
import { offersFor } from '../policy/offers.ts';
import type { LoadedPolicy } from '../policy/policy.ts';
import type { Db } from '../store/pool.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { Ask, TargetOption, UseCases } from './contract.ts';
import { activePerson } from './planning.ts';

/** What the policy lets this person ask for, by target; only targets that this process serves. */
export const options = (
  ctx: Context,
  { person }: { readonly person: PersonId },
): Promise<readonly TargetOption[] | Refusal> =>
  answering(ctx, 'options', async () => {
    const facts = await activePerson(ctx.store, person);
    if (isRefusal(facts)) return facts;
    const offers = new Map(offersFor(await ctx.policy(), facts).map((offer) => [offer.target, offer]));
    return ctx.targets.flatMap(({ name }) => offers.get(name) ?? []);
  });

/** How long a break-glass is where nobody says: as long as the policy allows. Where it allows nothing, opening says so. */
export async function longestBreakGlass(
  use: Pick<UseCases, 'options'>,
  { person, target, role }: Pick<Ask, 'person' | 'target' | 'role'>,
): Promise<number> {
  const offers = await use.options({ person });
  if (isRefusal(offers)) return hourMs;
  return offers.find((one) => one.target === target)?.breakGlass.find((one) => one.role === role)?.maxMs ?? hourMs;
}

/** Is there anything for which this person may break glass? */
export const offersGlass = (offers: readonly Pick<TargetOption, 'breakGlass'>[] | Refusal): boolean =>
  !isRefusal(offers) && offers.some(({ breakGlass }) => breakGlass.length > 0);

/** The same for a process that reads the store and nothing else. No policy, no store: it is not offered. */
export const mayBreakGlass =
  (store: Db, policy: () => Promise<LoadedPolicy>) =>
  async (person: PersonId): Promise<boolean> => {
    try {
      const facts = await activePerson(store, person);
      return !isRefusal(facts) && offersGlass(offersFor(await policy(), facts));
    } catch (error) {
      if (error instanceof CurfewError) return false;
      throw error;
    }
  };
