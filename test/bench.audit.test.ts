import { expect, test } from 'vitest';
import baselines from '../bench/baselines.json' with { type: 'json' };
import { measureAudit } from '../bench/audit.ts';
import type { Metric } from '../bench/metric.ts';
import { startProgress } from '../dev/progress.mjs';

const silent = startProgress({ write: () => true });

test(
  'a small log is appended to, sequenced, signed, proved and verified, and each figure is told beside its floor',
  { timeout: 180_000 },
  async () => {
    const metrics: Metric[] = [];
    await measureAudit(silent, 0.01, (some) => metrics.push(...some));
    const told = new Map(metrics.map((one) => [one.metric, one]));
    expect([...told.keys()]).toEqual([
      'audit.scale',
      'audit.append.ratio',
      'audit.append.store.ratio',
      'audit.sequence.ratio',
      'audit.sequence.leaf.ratio',
      'audit.proof.bytes',
      'audit.verify.ratio',
      'audit.verify.stream.ratio',
      'audit.verify.memory.ratio',
      'audit.verify.whole.ratio',
    ]);
    expect(metrics.every(({ value }) => value > 0)).toBe(true);
    // 10,000 entries are fourteen levels, and the longest proof has a hash of each; a million are twenty.
    expect(told.get('audit.proof.bytes')?.value).toBe(14 * 32);
    expect(20 * 32).toBe(baselines['audit.proof.bytes']);
    expect(told.get('audit.scale')?.note).toBe('10,000 entries');
  },
);
