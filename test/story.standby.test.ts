/**
 * A target of two nodes on the whole stack: whoever reads from the standby is out when their access is over, by its time,
 * by HR's word, and with the standby behind or away. It is called over when both nodes have said so.
 */
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { actions } from '../slack/ids.ts';
import type { Standby } from '../dev/standby.ts';
import { hrSays } from '../dev/tour/hooks.ts';
import { eventually } from './support/eventually.ts';
import { openTheatre, type Login, type Theatre } from './support/stage.ts';

let stage: Theatre;
let standby: Standby;
beforeAll(async () => {
  stage = await openTheatre({ standby: true });
  if (!stage.stack.standby) throw new Error('the stack has no standby');
  ({ standby } = stage.stack);
});
afterAll(() => stage?.end());
afterEach(async () => {
  await stage.revive();
  await standby.resumeReplay();
  await stage.settled();
  expect(await stage.findings()).toEqual([]);
});

type Session = { readonly client: Client; readonly endedAt: () => number | undefined };
type Held = { readonly login: Login; readonly here: Session; readonly there: Session };

async function session(login: Login, node?: 'standby'): Promise<Session> {
  const client = await stage.connect(login, node);
  let at: number | undefined;
  client.once('end', () => (at = Date.now()));
  await client.query('select 1');
  return { client, endedAt: () => at };
}

/** A grant that nobody has to decide, and a session on each node. */
async function holding(who: string, span: string): Promise<Held> {
  const requestId = await stage.ask(who, `models-prod read ${span} because checking label drift`);
  const login = await stage.login(who, requestId);
  await standby.replayed();
  return { login, here: await session(login), there: await session(login, 'standby') };
}

/** Let in, and told to go before it was answered. */
function closedAtOnce(error: unknown): undefined {
  if (!/terminat|closed/i.test(String(error))) throw error;
}

type Node = {
  readonly node: string;
  readonly standby: boolean;
  readonly sessionsFound: number;
  readonly ended: boolean;
};
const nodesOf = async ({ requestId }: Login): Promise<readonly Node[]> => {
  const [row] = await stage.inStore<{ nodes: readonly Node[] }>(
    `select body -> 'nodes' as nodes from curfew.receipt where request_id = $1 and kind = 'revoke'`,
    [requestId],
  );
  return row?.nodes ?? [];
};

const expectOutEverywhere = async (login: Login): Promise<void> => {
  await expect(stage.connect(login)).rejects.toThrow();
  await expect(stage.connect(login, 'standby')).rejects.toThrow();
};

test('at its end both sessions are closed within two seconds, and the receipt names both nodes (I2 I16; F24)', async () => {
  const { login, here, there } = await holding('mei', '12s');
  const patience = { withinMs: login.endAt - Date.now() + 8_000 };
  for (const one of [here, there]) {
    const at = await eventually('it is closed', one.endedAt, patience);
    expect(at).toBeGreaterThanOrEqual(login.endAt);
    expect(at).toBeLessThan(login.endAt + 2_000);
  }
  await stage.is(login.requestId, 'closed');
  await expectOutEverywhere(login);
  expect(await nodesOf(login)).toMatchObject([
    { node: 'primary', standby: false, ended: true },
    { node: 'standby', standby: true, ended: true },
  ]);
});

test('whoever leaves is out of the standby as well, and doctor reads it (I9; F24)', async () => {
  const { login, here, there } = await holding('diego', '10m');
  const seen = await stage.curfew(['doctor', '--json']);
  expect(JSON.parse(seen.out)).toEqual([]);
  await hrSays(stage, 'diego', 'left');
  for (const one of [here, there]) await eventually('it is closed', one.endedAt, { withinMs: 20_000 });
  await stage.is(login.requestId, 'closed');
  await expectOutEverywhere(login);
});

test('a standby that is behind keeps it revoking, lets nobody stay, and ends it when it has caught up (I16)', async () => {
  const { login, here, there } = await holding('mei', '10m');
  await standby.pauseReplay();
  await stage.pressDm('mei', login.requestId, actions.release);
  for (const one of [here, there]) await eventually('it is closed', one.endedAt);
  await expect(stage.connect(login)).rejects.toThrow();
  // The node has not heard of it yet: its password is good there, for a moment.
  const again = await session(login, 'standby').catch(closedAtOnce);
  await eventually('that one is closed too', () => again === undefined || again.endedAt());
  expect(await stage.stateOf(login.requestId)).toBe('revoking');
  const { out } = await stage.curfew(['doctor', '--json']);
  expect(JSON.parse(out)).toEqual([]);
  await standby.resumeReplay();
  await stage.is(login.requestId, 'closed');
  await expectOutEverywhere(login);
});

test('a standby that is away keeps it revoking, and ends it when it is back (I16 I17)', async () => {
  const { login, here } = await holding('mei', '10m');
  await standby.cluster.crash();
  await stage.pressDm('mei', login.requestId, actions.release);
  await eventually('it is closed', here.endedAt);
  await expect(stage.connect(login)).rejects.toThrow();
  await stage.is(login.requestId, 'revoking');
  const { code, out } = await stage.curfew(['doctor', '--json']);
  expect(code, out).not.toBe(0);
  await standby.cluster.start();
  await stage.is(login.requestId, 'closed', 90_000);
  await expectOutEverywhere(login);
}, 600_000);
