import { expect, test } from 'vitest';
import baselines from '../bench/baselines.json' with { type: 'json' };
import { measureTarget } from '../bench/target.ts';

test('a grant, a revoke and a kill cost the round trips and transactions of the baseline, and their ratios are told', async () => {
  const metrics = await measureTarget({ timedPairs: 5 });
  const counts = metrics.filter(({ metric }) => metric in baselines);
  expect(Object.fromEntries(counts.map(({ metric, value }) => [metric, value]))).toEqual({
    'grant.roundtrips': baselines['grant.roundtrips'],
    'grant.transactions': baselines['grant.transactions'],
    'revoke.roundtrips': baselines['revoke.roundtrips'],
    'kill.roundtrips': baselines['kill.roundtrips'],
  });
  const ratios = metrics.filter(({ spread }) => spread);
  expect(ratios.map(({ metric }) => metric)).toEqual(['grant.sql.ratio', 'revoke.sql.ratio']);
  expect(ratios.every(({ value, spread }) => value > 0 && spread?.pairs === 5)).toBe(true);
});
