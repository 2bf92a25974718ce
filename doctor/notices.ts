import type { Db } from '../store/pool.ts';
import { current } from '../store/policies.ts';

/** Something that holds as it was set up, and that whoever looks should know. No broken promise. */
export type Notice = { readonly code: 'one-person'; readonly detail: string };

export async function noticesOf(store: Db): Promise<readonly Notice[]> {
  const policy = await current(store);
  if (policy?.onePerson !== true) return [];
  const detail = `One person may change the policy alone, as version ${policy.number} has it: policyChange: two-people in the next one ends that.`;
  return [{ code: 'one-person', detail }];
}
