/** What was done with the access that was granted: the target's own log says it, under the request and its approvers. */
import type { FirstRequest } from './first-request.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';

type Told = {
  readonly who: string;
  readonly approvers: readonly string[];
  readonly usage: string;
  readonly sessions: readonly { readonly closedAt: string | null; readonly node: string; readonly database: string }[];
  readonly statements: readonly { readonly text: string | null; readonly error: string | null }[];
};

/** Of the first request's session, which saw a query, two refusals, and its end in the middle of a transaction. */
export async function sessions(stage: Stage, { step }: Report, first: Partial<FirstRequest>): Promise<void> {
  await step('statements-tied', async () => {
    const { requestId } = first;
    must(requestId, 'there was no first request');
    const told = await stage.waitFor(
      'the session is read to its end',
      async () => {
        const { code, out, err } = await stage.curfew(['sessions', requestId, '--statements', '--json']);
        must(code === 0, err);
        const found = JSON.parse(out) as Told;
        return found.sessions.length > 0 && found.sessions.every(({ closedAt }) => closedAt !== null) && found;
      },
      20_000,
    );
    must(
      told.who === 'amara' && told.approvers.join() === 'priya',
      `${told.who}, approved by ${told.approvers.join()}`,
    );
    const statements = told.statements.map(({ text, error }) => ({ text, error }));
    const has = (text: string, error: string | null): boolean =>
      statements.some((one) => one.text === text && one.error === error);
    must(
      has('select count(*) as orders from shop.orders', null) &&
        has('update shop.orders set status = ?', '42501') &&
        has('set role orders_read', '42501'),
      `the statements are ${JSON.stringify(statements)}`,
    );
    return { approvers: told.approvers, sessions: told.sessions.length, statements };
  });
}
