/** Keeps App Homes true: published when their person looks, and again when something of theirs changed. */
import { createHash } from 'node:crypto';
import { isRefusal } from '../domain/errors.ts';
import type { PersonId } from '../domain/ids.ts';
import type { UseCases } from '../service/contract.ts';
import type { HomeRows, Log } from './service.ts';
import { homeView } from './views/home.ts';
import type { Home, SlackPort } from './views/message.ts';
import type { People } from './views/model.ts';

export type Homes = {
  /** Publishes, whatever stood there: Slack may have forgotten it. @throws as `SlackPort` does */
  readonly opened: (person: PersonId, user: string) => Promise<void>;
  /** Publishes to those of them who ever opened their Home, where it would look different. Logs what fails. */
  readonly changed: (people: readonly PersonId[]) => Promise<void>;
};

export type HomeParts = {
  readonly port: Pick<SlackPort, 'publish'>;
  readonly overview: UseCases['overview'];
  /** Does the policy let them break glass anywhere? Then their Home offers it. */
  readonly mayBreakGlass: (person: PersonId) => Promise<boolean>;
  readonly profiles: (people: readonly PersonId[]) => Promise<People>;
  readonly rows: HomeRows;
  /** The workspace; people who are linked in another one have no Home here. */
  readonly team: string;
  readonly log: Log;
};

export function createHomes({ port, overview, mayBreakGlass, profiles, rows, team, log }: HomeParts): Homes {
  async function viewFor(person: PersonId): Promise<Home | undefined> {
    const found = await overview({ person });
    if (isRefusal(found)) {
      log.warn({ person, code: found.code }, 'an App Home could not be painted');
      return undefined;
    }
    const delegate = found.away?.delegate;
    const named = [
      ...[...found.waiting, ...found.toReview].map(({ requester }) => requester),
      ...(delegate ? [delegate] : []),
    ];
    const shown = await profiles([...new Set(named)]);
    return homeView(found, shown, await mayBreakGlass(person));
  }

  /** The account on which they are told things, in this workspace. */
  async function accountOf(person: PersonId): Promise<string | undefined> {
    const { slackTeam, slackUser } = (await profiles([person])).get(person) ?? {};
    return slackTeam === team ? slackUser : undefined;
  }

  /** @param painted how the Home of their account looked; undefined: it is painted however it looked */
  async function publish(person: PersonId, user: string, painted?: string): Promise<void> {
    const view = await viewFor(person);
    if (!view) return;
    const looks = createHash('sha256').update(JSON.stringify(view)).digest('hex');
    if (looks === painted) return;
    await port.publish({ user, view });
    // NB. Of another account of theirs nothing is remembered: their own would not be painted again for it.
    if (painted !== undefined || (await accountOf(person)) === user) await rows.put(person, looks);
  }

  async function changedOne(person: PersonId): Promise<void> {
    try {
      const user = await accountOf(person);
      if (user !== undefined) await publish(person, user, await rows.paintedOf(person));
    } catch (error) {
      // It is painted when they look again, and with the next change.
      log.warn({ person, err: error }, 'an App Home was not painted again');
    }
  }

  return {
    opened: (person, user) => publish(person, user),
    async changed(people) {
      try {
        for (const person of await rows.openedBy([...new Set(people)])) await changedOne(person);
      } catch (error) {
        log.warn({ err: error }, 'nobody could say who opened their App Home');
      }
    },
  };
}
