/** `Records` on the store, as the login `curfew_api`. */
import { append } from '../store/audit.ts';
import { answer, answerOf, begin } from '../store/deliveries.ts';
import { personBySlack, profiles } from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import { at } from '../store/slack-messages.ts';
import type { Records } from './service.ts';

const source = 'slack';

export const storeRecords = (store: Store): Records => ({
  personOf: async (account) => (await personBySlack(store, account))?.person,
  profiles: (people) => profiles(store, people),
  requestAt: async (channel, ts) => (await at(store, channel, ts))?.requestId,
  audit: async (entry) => void (await append(store, entry)),
  begin: (key) => begin(store, source, key),
  answer: (key, given) => answer(store, source, key, given),
  answerOf: (key) => answerOf(store, source, key),
});
