/** One request from the question to the receipt, and everybody who must not decide it. */
import { DatabaseError, type Client } from 'pg';
import { actions } from '../../slack/ids.ts';
import { asObjects, elementsOf } from '../slack/block-kit.ts';
import { submission } from '../slack/payloads.ts';
import { messageOf } from '../trouble.ts';
import { must, type Report } from './report.ts';
import type { Login, Stage } from './stage.ts';

/** What the later steps look at again. */
export type FirstRequest = { readonly requestId: string; readonly login: Login };

const lifeSeconds = 8;

export async function firstRequest(stage: Stage, { step }: Report): Promise<Partial<FirstRequest>> {
  const { inStore, onTarget } = stage;
  let requestId = '';
  let login: Login | undefined;
  let session: Client | undefined;
  const claimed = (): Login => {
    must(login, 'there is no login to look at');
    return login;
  };

  await step('request', async () => {
    requestId = await stage.ask('amara', `orders-prod read ${lifeSeconds}s because INC-12 slow checkout`);
    return { requestId, by: 'amara', line: `/curfew orders-prod read ${lifeSeconds}s because INC-12 slow checkout` };
  });
  await step('card', async () => {
    const card = await stage.cardOf(requestId);
    must(
      elementsOf(card['blocks']).some((one) => one.actionId === actions.review),
      'the card has no Review',
    );
    return { text: card.text };
  });
  await step('self-approval-refused', () => refusedDecision(stage, requestId, 'amara', {}));
  await step('outsider-approval-refused', () => refusedDecision(stage, requestId, 'oleksandr', {}));
  await step('stale-view-refused', async () => {
    const other = await stage.ask('jonas', 'orders-prod read 10s because INC-13 another one');
    const [row] = await inStore<{ digest: string }>('select digest from curfew.request where id = $1', [other]);
    must(row, 'the other request has no row');
    return refusedDecision(stage, requestId, 'priya', { digest: row.digest });
  });
  await step('approved', async () => {
    await stage.approve('priya', requestId);
    const state = await stage.waitFor(
      'approved',
      async () => (await stateOf(stage, requestId)) === 'approved' && 'approved',
    );
    return { state, by: 'priya' };
  });
  await step('claimed', async () => {
    login = await stage.claim('amara', requestId);
    const [role] = await onTarget<{ rolvaliduntil: Date }>('select rolvaliduntil from pg_roles where rolname = $1', [
      login.role,
    ]);
    must(role?.rolvaliduntil.getTime() === login.endAt, 'VALID UNTIL is not the end that was told');
    return { role: login.role, endAt: new Date(login.endAt).toISOString() };
  });
  await step('query-allowed', async () => {
    session = await stage.connect(claimed());
    const { rows } = await session.query<{ orders: string }>('select count(*) as orders from shop.orders');
    must(Number(rows[0]?.orders) > 1_000, 'there are hardly any orders');
    return { orders: Number(rows[0]?.orders) };
  });
  await step('query-forbidden-refused', async () => ({
    sqlstate: await refusedBy(session, "update shop.orders set status = 'cancelled'", '42501'),
  }));
  await step('set-role-refused', async () => ({ sqlstate: await refusedBy(session, 'set role orders_read', '42501') }));
  await step('expired', async () => {
    must(session, 'there is no session');
    const gone = new Promise<number>((resolve) => session?.once('end', () => resolve(Date.now())));
    await session.query('begin');
    await session.query('select * from shop.orders limit 1');
    const { endAt, role } = claimed();
    const endedAt = await stage.waitFor(
      'the session to end',
      () => Promise.race([gone, new Promise<null>((later) => setTimeout(later, 50, null))]),
      endAt - Date.now() + 5_000,
    );
    await stage.waitFor('no session left', async () => (await sessionsOf(stage, role)) === 0, 2_000);
    must(endedAt >= endAt, 'the session ended before its time');
    must(endedAt <= endAt + 2_000, `the session ended ${endedAt - endAt} ms after its time`);
    return { afterEndMs: endedAt - endAt, sessions: 0 };
  });
  await step('login-refused', () => refusedLogin(stage, claimed()));
  await step('receipt', () => receiptOf(stage, requestId, 'expired', 'amara'));
  return login ? { requestId, login } : { requestId };
}

/**
 * A signed Review submission in somebody's name, with the metadata of a Review that an owner opened: as a client would
 * send it that shows the form to whom it should not, or one that was shown another request.
 */
async function refusedDecision(stage: Stage, requestId: string, who: string, changed: { readonly digest?: string }) {
  const { driver, workspace } = stage;
  const wanted = { amara: 'SelfApproval', oleksandr: 'ApproverNotEligible', priya: 'StaleView' }[who];
  // So that Slack's word on the account is known: without it nothing is decided at all.
  await stage.openReview(who, requestId);
  await stage.openReview('priya', requestId);
  const view = driver.modal('priya');
  must(view, 'Review did not open');
  const metadata = JSON.stringify({ ...(JSON.parse(view.private_metadata) as object), ...changed });
  const scene = {
    team: { id: workspace.team.id, domain: workspace.team.domain },
    appId: workspace.appId,
    user: { id: workspace.userId(who), name: who },
    channel: { id: '', name: '' },
    triggerId: `${Date.now()}.tour`,
    responseUrl: '',
  };
  const [verdict] = elementsOf(view['blocks']).filter((one) => one.actionId === actions.verdict);
  must(verdict, 'Review has no verdict to choose');
  const values = {
    [verdict.blockId]: {
      [actions.verdict]: {
        type: 'radio_buttons',
        selected_option: { text: { type: 'plain_text', text: 'Approve' }, value: 'approve' },
      },
    },
  };
  const payload = submission(scene, { ...view, id: `V${Date.now()}`, private_metadata: metadata }, values);
  const reply = await driver.sendRaw(
    `payload=${encodeURIComponent(JSON.stringify(payload))}`,
    'application/x-www-form-urlencoded',
  );
  const code = await stage.waitFor('the refusal in the audit log', async () => {
    const found = await stage.refusalOf(requestId, 'decision.refused');
    return found === wanted && found;
  });
  must((await stateOf(stage, requestId)) === 'awaiting', 'the request moved');
  return { by: who, code, answer: firstText(reply.body) };
}

const firstText = (body: unknown): string => {
  const [answer] = asObjects(typeof body === 'string' && body !== '' ? (JSON.parse(body) as unknown) : body);
  return JSON.stringify(answer?.['errors'] ?? answer?.['response_action'] ?? answer ?? null);
};

export async function stateOf({ inStore }: Pick<Stage, 'inStore'>, requestId: string): Promise<string> {
  const [row] = await inStore<{ state: string }>('select state from curfew.projection where request_id = $1', [
    requestId,
  ]);
  return row?.state ?? 'none';
}

/** As a superuser of the target sees it, by name. */
export async function sessionsOf({ onTarget }: Stage, role: string): Promise<number> {
  const [row] = await onTarget<{ sessions: number }>(
    'select count(*)::int as sessions from pg_stat_activity where usename = $1',
    [role],
  );
  return row?.sessions ?? Number.NaN;
}

async function refusedBy(session: Client | undefined, sql: string, sqlstate: string): Promise<string> {
  must(session, 'there is no session');
  const error = await session.query(sql).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  must(
    error instanceof DatabaseError && error.code === sqlstate,
    `${sql}: ${error === null ? 'was allowed' : messageOf(error)}`,
  );
  return sqlstate;
}

/** SQLSTATE class 28: the server itself says no. */
export async function refusedLogin(stage: Stage, login: Login, node?: 'standby') {
  const error = await stage.connect(login, node).then(
    async (session) => {
      await session.end();
      return null;
    },
    (thrown: unknown) => thrown,
  );
  must(
    error instanceof DatabaseError && error.code?.startsWith('28'),
    `a new login ${error === null ? 'was let in' : `got ${messageOf(error)}`}`,
  );
  stage.errors.push(error.message);
  return { sqlstate: error.code, message: error.message };
}

/** The receipt in the store, and what the card and the holder's message say of it. */
export async function receiptOf(stage: Stage, requestId: string, outcome: string, holder: string) {
  const closed = await stage.waitFor('closed', async () => {
    const [row] = await stage.inStore<{ outcome: string }>(
      `select outcome from curfew.projection where request_id = $1 and state = 'closed'`,
      [requestId],
    );
    return row;
  });
  must(closed.outcome === outcome, `it closed as ${closed.outcome}`);
  const [receipt] = await stage.inStore<{
    body: {
      verifiedAt: number;
      nodes: readonly { sessionsFound: number; sessionsLeft: number; ended: boolean }[];
    };
  }>(`select body from curfew.receipt where request_id = $1 and kind = 'revoke'`, [requestId]);
  must(receipt, 'there is no receipt');
  const { nodes, verifiedAt } = receipt.body;
  must(
    nodes.length > 0 && nodes.every((node) => node.ended && node.sessionsLeft === 0),
    'the receipt does not say that every node ended it',
  );
  const told = await stage.driver.eventually('the receipt in Slack', async () => {
    const card = await stage.cardOf(requestId);
    const dm = (await stage.driver.dms(holder)).find(
      (one) => one.text.includes('verified') && JSON.stringify(one).includes(requestId.slice(0, 8)),
    );
    return card.text.toLowerCase().includes('ended') && dm ? { card: card.text, dm: dm.text } : null;
  });
  return {
    outcome: closed.outcome,
    sessionsClosed: nodes.reduce((sum, node) => sum + node.sessionsFound, 0),
    verifiedAt: new Date(verifiedAt).toISOString(),
    ...told,
  };
}
