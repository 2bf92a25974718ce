/** What others do while a fault is there: drawn from a seed alone, so that equal seeds do equal things at equal times. */
import { between, oneOf, type Chance } from './seeded.ts';
import type { Wish } from './grants.ts';
import type { Api } from './world.ts';

export type Act =
  | 'ask'
  | 'approve'
  | 'deny'
  | 'claim'
  | 'set-role'
  | 'release'
  | 'revoke'
  | 'extend'
  | 'withdraw'
  | 'leave'
  | 'rehire'
  | 'change-policy';

/** `slot`: whose story; `atMs` after the start. `by`: the process of the API that is asked. */
export type Step = { readonly slot: number; readonly atMs: number; readonly act: Act; readonly by: Api };
export type Story = {
  readonly slot: number;
  readonly wish: Wish;
  readonly seconds: number;
  readonly steps: readonly Step[];
};

const wishList = ['models', 'models', 'orders', 'labels'] as const satisfies readonly Wish[];
const endings: readonly [readonly Act[], ...(readonly Act[])[]] = [
  [],
  ['release'],
  ['revoke'],
  ['extend'],
  ['extend', 'release'],
  ['leave'],
  ['leave', 'rehire'],
];
const processes = ['prompt', 'prompt', 'cut', 'deaf'] as const satisfies readonly Api[];

/** @param count stories at once */
export function scheduleOf(chance: Chance, count: number): readonly Story[] {
  return Array.from({ length: count }, (_, slot) => {
    const wish = oneOf(chance, wishList);
    const seconds = between(chance, 4, 14);
    const acts: readonly Act[] = [
      'ask',
      ...(wish === 'models' ? [] : chance() < 0.8 ? (['approve'] as const) : (['deny'] as const)),
      ...(chance() < 0.1 ? (['withdraw'] as const) : []),
      'claim',
      ...(chance() < 0.4 ? (['set-role'] as const) : []),
      ...oneOf(chance, endings),
      ...(chance() < 0.1 ? (['change-policy'] as const) : []),
    ];
    let atMs = between(chance, 0, 2_000);
    const steps = acts.map((act): Step => {
      const step = { slot, atMs, act, by: act === 'claim' ? 'prompt' : oneOf(chance, processes) };
      atMs += between(chance, 100, 2_000);
      return step;
    });
    return { slot, wish, seconds, steps };
  });
}
