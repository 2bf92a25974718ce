/** People read from standbys too: whoever's time is over is out of each of them, or it is not called ended. */
import { receiptOf, refusedLogin, stateOf } from './first-request.ts';
import { holding, release, sessionOf, untilGone } from './holding.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';

export async function standbys(stage: Stage, { step }: Report): Promise<void> {
  await step('standby-session-closed', () => sessionClosed(stage));
}

/** A session on each node, of one login; the standby has not heard of the end yet when both are closed. */
async function sessionClosed(stage: Stage) {
  const { standby } = stage.stack;
  must(standby, 'this stack has no standby');
  const who = 'jonas';
  const held = await holding(stage, who, 'orders-prod read 10m because INC-13 the report is late', ['kwame']);
  const { login, requestId } = held;
  await standby.replayed();
  const there = sessionOf(await stage.connect(login, 'standby'));
  const { rows } = await there.session.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  must(rows[0]?.standby, 'the other session is not on a standby');
  await standby.pauseReplay();
  const releasedAt = Date.now();
  await release(stage, who, requestId);
  const [here, on] = await Promise.all([untilGone(stage, held), untilGone(stage, there)]);
  const behind = await stateOf(stage, requestId);
  must(behind !== 'closed', 'it was called ended while the standby had not heard of it');
  await standby.resumeReplay();
  const receipt = await receiptOf(stage, requestId, 'released', who);
  const primary = await refusedLogin(stage, login);
  const second = await refusedLogin(stage, login, 'standby');
  const [row] = await stage.inStore<{ nodes: readonly Node[] }>(
    `select body -> 'nodes' as nodes from curfew.receipt where request_id = $1 and kind = 'revoke'`,
    [requestId],
  );
  const nodes = (row?.nodes ?? []).map(({ node, ended, sessionsFound }) => ({ node, ended, sessionsFound }));
  must(nodes.length === 2 && nodes.every(({ ended }) => ended), `the receipt names ${JSON.stringify(nodes)}`);
  return {
    requestId,
    closedAfterMs: { primary: here - releasedAt, standby: on - releasedAt },
    whileStandbyWasBehind: behind,
    outcome: receipt.outcome,
    nodes,
    loginAfterwards: { primary: primary.sqlstate, standby: second.sqlstate },
  };
}

type Node = { readonly node: string; readonly ended: boolean; readonly sessionsFound: number };
