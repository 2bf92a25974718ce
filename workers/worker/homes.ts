import type { PersonId } from '../../domain/ids.ts';
import { mayBreakGlass } from '../../service/options.ts';
import { overview } from '../../service/overview.ts';
import { policyInForce } from '../../service/policy-in-force.ts';
import type { Reading } from '../../service/context.ts';
import { createHomes } from '../../slack/home.ts';
import { pacedHomes } from '../../slack/home-pace.ts';
import { storeHomes } from '../../slack/records.ts';
import type { SlackPort } from '../../slack/views/message.ts';
import { profiles } from '../../store/people.ts';

export type HomesOf = Reading & {
  readonly port: Pick<SlackPort, 'publish'>;
  readonly team: string;
  readonly signal: AbortSignal;
};

/** Paints the App Homes that a request's change concerns, from what the worker's login reads. */
export function paintingHomes({ port, team, signal, ...reading }: HomesOf): (people: readonly PersonId[]) => void {
  const rows = storeHomes(reading.store);
  const homes = createHomes({
    port,
    team,
    rows,
    log: reading.log,
    overview: (input) => overview(reading, input),
    mayBreakGlass: mayBreakGlass(reading.store, policyInForce(reading.store, reading.log)),
    profiles: (people) => profiles(reading.store, people),
  });
  return pacedHomes({ homes, openedBy: (people) => rows.openedBy(people), signal }).concerned;
}
