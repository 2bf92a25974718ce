/** What a whole request costs at Slack: counted on a fresh stack, from the form to the receipt. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import baselines from '../bench/baselines.json' with { type: 'json' };
import { callsPerRequest, measureSlackCalls } from '../bench/slack-calls.ts';
import { openStage, type Stage } from '../dev/tour/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ step: (_name, work) => work(() => undefined), say: () => undefined });
});
afterAll(() => stage?.end());

test('one request costs as many calls of Slack as the baseline says, and no message is sent twice', async () => {
  const { value } = await measureSlackCalls(stage);
  const posts = stage.workspace.recorder.calls('chat.postMessage').map(({ args }) => args['text']);
  expect(new Set(posts).size).toBe(posts.length);
  expect(value).toBe(baselines['slack.calls.per_request']);
  expect(callsPerRequest).toBe(baselines['slack.calls.per_request']);
  expect(stage.workspace.recorder.problems()).toEqual([]);
});
