/** People for experiments: made when they are needed, so that nobody's earlier story stands in the way of a later one. */
import type { PersonId } from '../../domain/ids.ts';
import { personIdFrom } from '../../policy/digest.ts';
import { apply, type PersonChange } from '../../store/people.ts';
import type { Db } from '../../store/pool.ts';
import { whileBusy } from './busy.ts';
import type { World } from './world.ts';

export type Person = { readonly handle: string; readonly id: PersonId };

/** Of the sample company, who stay: two owners of each target's data, and two who may end any grant. */
const named = (handle: string): Person => ({ handle, id: personIdFrom(handle) });
export const owners = { orders: [named('priya'), named('kwame')], models: [named('lucia'), named('henrik')] } as const;
export const controllers = [named('noor'), named('sana')] as const;

const groupsOf = {
  grantee: ['engineers', 'ml-engineers', 'incident-responders'],
  'data-owner': ['data-owners', 'data-owners-payments'],
  maintainer: ['model-maintainers'],
} as const;
export type Job = keyof typeof groupsOf;

/** New people, in one transaction. */
export async function hire(world: World, job: Job, count: number, more: Partial<PersonChange> = {}): Promise<Person[]> {
  const hired = Array.from({ length: count }, () => named(`${job}-${world.next()}`));
  const introduce = async (tx: Db): Promise<void> => {
    for (const { handle, id } of hired) {
      const groups = groupsOf[job].map((name) => ({ name }));
      const email = `${handle}@example.com`;
      const change = {
        handle,
        id,
        name: handle,
        email,
        state: 'active',
        version: Date.now(),
        groups,
        ...more,
      } as const;
      await apply(tx, change, 'curfew_directory');
    }
  };
  await whileBusy(() => world.store.directory.transaction(introduce));
  return hired;
}

export async function grantee(world: World): Promise<Person> {
  const [person] = await hire(world, 'grantee', 1);
  if (!person) throw new Error('nobody was hired');
  return person;
}
