import { describe, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { pacedHomes } from '../slack/home-pace.ts';

const [ana, ben, eve] = ['1', '2', '3'] as unknown as readonly [PersonId, PersonId, PersonId];

function paced(everyMs = 1) {
  const painted: { person: PersonId; at: number }[] = [];
  const stopping = new AbortController();
  let hold: Promise<void> | undefined;
  const homes = pacedHomes({
    homes: {
      changed: async (people) => {
        await hold;
        for (const person of people) painted.push({ person, at: performance.now() });
      },
    },
    openedBy: async (people) => people.filter((person) => person !== eve),
    everyMs,
    signal: stopping.signal,
  });
  const holdUp = (): (() => void) => {
    const held = Promise.withResolvers<void>();
    hold = held.promise;
    return () => {
      hold = undefined;
      held.resolve();
    };
  };
  return { homes, painted, holdUp, stop: () => stopping.abort() };
}
const who = (painted: readonly { person: PersonId }[]) => painted.map(({ person }) => person);

describe('Homes that changes concern', () => {
  test('are painted once each, and none for those who never opened theirs', async () => {
    const { homes, painted } = paced();
    homes.concerned([ana, ben, eve, ana]);
    await homes.settled();
    expect(who(painted)).toEqual([ana, ben]);
  });

  test('are painted no faster than Slack takes them', async () => {
    const { homes, painted } = paced(60);
    homes.concerned([ana, ben]);
    await homes.settled();
    expect((painted[1]?.at ?? 0) - (painted[0]?.at ?? 0)).toBeGreaterThanOrEqual(55);
  });

  test('of many changes while one is painted, one more paint is made: with the newest', async () => {
    const { homes, painted, holdUp } = paced();
    const release = holdUp();
    homes.concerned([ana]);
    for (let change = 0; change < 50; change += 1) homes.concerned([ana, ben]);
    release();
    await homes.settled();
    // The first turn may have begun before or after the others were asked for.
    expect(who(painted).filter((one) => one === ana).length).toBeLessThanOrEqual(2);
    expect(who(painted).filter((one) => one === ben)).toHaveLength(1);
  });

  test('one that is asked for while the last one ends is painted too', async () => {
    const { homes, painted } = paced();
    homes.concerned([ana]);
    await homes.settled();
    homes.concerned([ben]);
    await homes.settled();
    expect(who(painted)).toEqual([ana, ben]);
  });

  test('are not painted after the process was told to end', async () => {
    const { homes, painted, stop } = paced(60_000);
    homes.concerned([ana, ben]);
    while (painted.length === 0) await new Promise((resolve) => setImmediate(resolve));
    stop();
    await homes.settled();
    homes.concerned([ben]);
    await homes.settled();
    expect(who(painted)).toEqual([ana]);
  });
});
