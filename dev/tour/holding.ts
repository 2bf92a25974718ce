/** Access that somebody holds, with a session open on it, and the instant at which that session is closed for them. */
import type { Client } from 'pg';
import { actions } from '../../slack/ids.ts';
import { elementsOf } from '../slack/block-kit.ts';
import { approves } from './review.ts';
import type { Login, Stage } from './stage.ts';

export type Session = {
  readonly session: Client;
  /** When the holder's client saw its end, epoch ms. */
  readonly gone: Promise<number>;
};
export type Held = Session & { readonly requestId: string; readonly login: Login };

/** `/curfew <line>`, the approvals one after the other, Claim, and a first query. */
export async function holding(
  stage: Stage,
  who: string,
  line: string,
  approvers: readonly string[] = [],
): Promise<Held> {
  const requestId = await stage.ask(who, line);
  for (const approver of approvers) await approves(stage, approver, requestId);
  return claimed(stage, who, requestId);
}

export async function claimed(stage: Stage, who: string, requestId: string): Promise<Held> {
  const login = await stage.claim(who, requestId);
  const held = { requestId, login, ...sessionOf(await stage.connect(login)) };
  await held.session.query('select 1');
  return held;
}

export const sessionOf = (session: Client): Session => ({
  session,
  gone: new Promise<number>((resolve) => session.once('end', () => resolve(Date.now()))),
});

/** @returns when it ended. @throws where it is still there after that time */
export const untilGone = (stage: Stage, { gone }: Session, withinMs?: number): Promise<number> =>
  stage.waitFor(
    'the session to end',
    () => Promise.race([gone, new Promise<null>((later) => setTimeout(later, 50, null))]),
    withinMs,
  );

/** The session answers, on the very same backend. @throws where it does not */
export async function stillThere({ session }: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? Number.NaN;
}

/** Presses "I'm done" in the holder's direct message. */
export async function release({ driver }: Stage, who: string, requestId: string): Promise<void> {
  const message = await driver.eventually('the message with "I\'m done"', async () =>
    (await driver.dms(who)).find((one) =>
      elementsOf(one['blocks']).some(
        ({ actionId, element }) => actionId === actions.release && element['value'] === requestId,
      ),
    ),
  );
  await driver.press(who, message, actions.release);
}
