/**
 * What one request costs at Slack, from the first word to the receipt: every call of API and worker, and every answer
 * through a `response_url`. Amara asks by the form, Priya approves in Review, Amara presses Claim, is warned of the end,
 * and presses "I'm done".
 *
 * Exact only step by step, since what changes while something is painted is painted together; and only on a stack on
 * which nothing has happened yet: who was written to, or looked up, a moment ago is known still.
 */
import type { Stage } from '../dev/tour/stage.ts';
import { must } from '../dev/tour/report.ts';
import { actions, blocks, callbacks, command } from '../slack/ids.ts';
import { posted } from './lifecycle.ts';
import { count, type Metric } from './metric.ts';

/** Exact; may only go down. */
export const callsPerRequest = 25;

/** A little longer than the notice is ahead: so it comes soon. */
const askedFor = '15m6s';

export async function measureSlackCalls(stage: Stage): Promise<Metric> {
  const { driver, workspace } = stage;
  const before = workspace.recorder.calls().length;
  await driver.slash('amara', command, `orders-prod read ${askedFor}`);
  await driver.waitForModal('amara', callbacks.ask);
  const requestId = await stage.requestOf(async () => {
    const { errors } = await driver.submit('amara', { [blocks.reason]: 'count what Slack is asked' });
    must(Object.keys(errors).length === 0, `the form was answered ${JSON.stringify(errors)}`);
  });
  await posted(stage, requestId, ['card', 'dm:sent']);
  await stage.approve('priya', requestId);
  await posted(stage, requestId, ['dm:approved']);
  await stage.claim('amara', requestId);
  await posted(stage, requestId, ['dm:held', 'thread:active']);
  await posted(stage, requestId, ['dm:notice']);
  const message = await driver.newestDm('amara', actions.release);
  must(message, 'amara is shown no "I\'m done"');
  await driver.press('amara', message, actions.release);
  await posted(stage, requestId, ['dm:ended', 'thread:closed']);
  const calls = workspace.recorder.calls().slice(before);
  return count('slack.calls.per_request', calls.length, callsPerRequest);
}
