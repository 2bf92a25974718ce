import { expect, test } from 'vitest';
import { again } from '../workers/worker/again.ts';

test('a round that fails is told once for all in a row, and the next one comes all the same', async () => {
  const stopping = new AbortController();
  const rounds = ['fails', 'fails', 'works', 'fails', 'works'];
  const told: unknown[] = [];
  await again(
    1,
    async () => {
      const round = rounds.shift();
      if (rounds.length === 0) stopping.abort();
      if (round === 'fails') throw new Error(`with ${rounds.length} to go`);
    },
    stopping.signal,
    (err) => told.push(err),
  );
  expect(told).toEqual([new Error('with 4 to go'), new Error('with 1 to go')]);
});

test('what fails because the process ends is told to nobody, and the rest after it is not waited for', async () => {
  const stopping = new AbortController();
  const told: unknown[] = [];
  const fails = (): Promise<void> => {
    stopping.abort();
    return Promise.reject(new Error('the store is closed'));
  };
  await again(2 ** 31 - 1, fails, stopping.signal, (err) => told.push(err));
  expect(told).toEqual([]);
});

test('after the signal there is no round at all', async () => {
  let rounds = 0;
  await again(1, () => Promise.resolve((rounds += 1)), AbortSignal.abort());
  expect(rounds).toBe(0);
});
