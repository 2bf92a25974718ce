import { minuteMs } from '../../domain/time.ts';
import { sizeOf, waiting } from '../../store/log.ts';
import { isHorizonAhead, passedOver } from '../../store/log-rows.ts';
import { finder, type Check, type Finding } from '../finding.ts';
import { lostOf, ownLogOf } from '../log/own-log.ts';
import { sizeSignedBefore } from '../log/since.ts';
import { faultsOf } from '../log/whole.ts';

const found = finder('I11');

/** Entries get their places a few times a second; a store that never had a worker may be new. */
const lateMs = minuteMs;
const newMs = 10 * minuteMs;

/**
 * Every entry is in the log once, at a place without gap, as it was written; every checkpoint is the tree's; and the log
 * begins with what its witnesses have. Within the time that is looked at: what is older was looked at before.
 */
export const logIsWhole: Check = async ({ store, sinceAt, witnessed }) => {
  const faults = await faultsOf(store, await sizeSignedBefore(store, sinceAt, witnessed));
  return [
    ...(await late(store)),
    ...(await passed(store)),
    ...faults.map(({ code, subject, detail }) => found(code, subject, detail)),
    ...(witnessed ? await lost(store, witnessed) : []),
  ];
};

/** NB. By the store's own clock, which stamped the entries. */
async function late(store: Parameters<Check>[0]['store']): Promise<readonly Finding[]> {
  const { entries, oldestAt } = await waiting(store);
  const [row] = await store.query<{ now: number }>('select clock_timestamp() as now');
  const waitedMs = oldestAt === null ? 0 : (row?.now ?? 0) - oldestAt;
  if (waitedMs <= ((await sizeOf(store)) > 0 ? lateMs : newMs)) return [];
  return [found('log-waits', 'log', `${entries} entries have no place in the log, the oldest for over a minute.`)];
}

/** An entry gets its place before any that is written later: one that never did was put in by somebody else. */
async function passed(store: Parameters<Check>[0]['store']): Promise<readonly Finding[]> {
  const ids = await passedOver(store);
  return [
    ...ids.map(({ id }) =>
      found('log-passed', String(id), `Entry ${id} has no place in the log, and will get none: somebody put it in.`),
    ),
    ...((await isHorizonAhead(store))
      ? [found('log-passed', 'log', 'Entries that are still to come are said to have their places: somebody said so.')]
      : []),
  ];
}

async function lost(
  store: Parameters<Check>[0]['store'],
  { name, verifiers, held, troubles }: NonNullable<Parameters<Check>[0]['witnessed']>,
): Promise<readonly Finding[]> {
  const says = await lostOf(await ownLogOf(store, name, verifiers), held);
  return [
    ...(says === undefined ? [] : [found('log-lost', 'log', `The log is not what was signed before: ${says}.`)]),
    ...troubles.map((trouble) => found('witness-behind', 'log', `A witness cannot be looked at: ${trouble}`)),
  ];
}
