/** `Records` on the store, as the login `curfew_api`. */
import { append } from '../store/audit.ts';
import { answer, answerOf, begin } from '../store/deliveries.ts';
import { linkOf, personBySlack, profiles } from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import { openedBy, paintedOf, put } from '../store/slack-homes.ts';
import { at } from '../store/slack-messages.ts';
import { at as noticeAt } from '../store/slack-notices.ts';
import type { HomeRows, Records } from './service.ts';

const source = 'slack';

/** As `curfew_api` or `curfew_worker`. */
export const storeHomes = (store: Store): HomeRows => ({
  openedBy: (people) => openedBy(store, people),
  paintedOf: (person) => paintedOf(store, person),
  put: (person, painted) => put(store, person, painted),
});

export const storeRecords = (store: Store): Records => ({
  personOf: async (account) => (await personBySlack(store, account))?.person,
  profiles: (people) => profiles(store, people),
  requestAt: async (channel, ts) => (await at(store, channel, ts))?.requestId,
  noticeAt: async (channel, ts) => (await noticeAt(store, channel, ts))?.subject,
  approvesFromOf: async ({ team, user }) => (await linkOf(store, team, user))?.approvesFromAt ?? null,
  audit: async (entry) => void (await append(store, entry)),
  begin: (key) => begin(store, source, key),
  answer: (key, given) => answer(store, source, key, given),
  answerOf: (key) => answerOf(store, source, key),
  homes: storeHomes(store),
});
