/** An identity provider says who works here, over SCIM, with a token that an operator made. */
import { apiUrl } from '../stack/environments.ts';
import { receiptOf, refusedLogin } from './first-request.ts';
import { holding, untilGone } from './holding.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';

export async function scim(stage: Stage, { step }: Report): Promise<void> {
  await step('scim-entra-false-string', () => falseString(stage));
}

/** Entra's default: a PATCH that replaces `active` with the text "False". */
async function falseString(stage: Stage) {
  const who = 'oleksandr';
  const made = await stage.curfew(['scim', 'token', 'make', '--source', 'entra', '--expires', '1d', '--json']);
  must(made.code === 0, `curfew scim token make: ${made.err}`);
  const { token } = JSON.parse(made.out) as { token: string };
  stage.secrets.set('SCIM token', token);
  const known = await send(stage, token, 'POST', '/Users', {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
    userName: who,
    active: true,
  });
  const id = known.body['id'];
  must(known.status === 201 && typeof id === 'string', `POST was answered ${known.status}`);
  const held = await holding(stage, who, 'models-prod read 10m because labels look wrong', ['lucia']);
  const sentAt = Date.now();
  const operation = { op: 'Replace', path: 'active', value: 'False' };
  const patched = await send(stage, token, 'PATCH', `/Users/${id}`, {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
    Operations: [operation],
  });
  must(patched.status === 204 || patched.status === 200, `PATCH was answered ${patched.status}`);
  const endedAt = await untilGone(stage, held);
  const { sqlstate } = await refusedLogin(stage, held.login);
  const { outcome, sessionsClosed, verifiedAt } = await receiptOf(stage, held.requestId, 'revoked', who);
  const read = await send(stage, token, 'GET', `/Users/${id}`);
  must(read.body['active'] === false, `the directory says active: ${String(read.body['active'])}`);
  return {
    operation,
    status: patched.status,
    closedAfterMs: endedAt - sentAt,
    verifiedAfterMs: Date.parse(verifiedAt) - sentAt,
    outcome,
    sessionsClosed,
    loginAfterwards: sqlstate,
    activeNow: read.body['active'],
  };
}

async function send({ stack }: Stage, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`${apiUrl(stack.settings)}/scim/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/scim+json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>,
  };
}
