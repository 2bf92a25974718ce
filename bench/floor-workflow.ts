import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';

/** The least that an approval could be: an Update that makes an activity run. */
export type FloorActivities = { touch(): Promise<void> };
export const press = defineUpdate<number>('press');
export const stop = defineSignal('stop');

const { touch } = proxyActivities<FloorActivities>({ startToCloseTimeout: '10s' });

export async function floor(): Promise<void> {
  const state = { pressed: 0, touched: 0, over: false };
  setHandler(press, () => (state.pressed += 1));
  setHandler(stop, () => {
    state.over = true;
  });
  while (!state.over) {
    await condition(() => state.over || state.pressed > state.touched);
    if (state.pressed === state.touched) continue;
    state.touched += 1;
    await touch();
  }
  await condition(allHandlersFinished);
}
