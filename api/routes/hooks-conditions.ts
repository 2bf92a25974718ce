import { raw, Router, type RequestHandler, type Response } from 'express';
import { z } from 'zod';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { ConditionEvent, ConditionHook } from '../../service/conditions.ts';
import { httpProblem, problemOf, sendProblem } from '../problem.ts';
import { rawBody, signedBy } from '../signed-webhook.ts';
import { idOf } from '../trace.ts';

/** An event names one incident or ticket and holds nothing else that is read. */
const largestBody = '64kb';

/** Sources add fields of their own, so unknown ones are passed over; what is read is read strictly. */
const eventBody = z.object({
  type: z.templateLiteral([z.enum(['incident', 'ticket']), '.', z.enum(['opened', 'closed'])]),
  data: z.object({ key: z.string().trim().min(1).max(200) }),
});

/**
 * `POST /hooks/conditions`, signed as Standard Webhooks has it: `{type: incident.closed | ticket.closed, data: {key}}`
 * ends at once what was granted until then. `opened` is taken and has no effect. A delivery has one effect, and its
 * repeats get the first answer (I10).
 * @throws Error for no secret, or an empty one
 */
export function conditionHooks(secrets: readonly string[], hook: ConditionHook): Router {
  const verify = signedBy(secrets);
  const router = Router({ caseSensitive: true, strict: true });
  const body = raw({ type: () => true, limit: largestBody, inflate: false });
  router.post('/hooks/conditions', jsonOnly, body, async (request, response) => {
    const signed = verify(request, rawBody(request));
    if (!signed) return refuseSignature(response, hook);
    const event = readEvent(signed.text, signed.id);
    const answer = isRefusal(event) ? event : await hook.deliver(event);
    if (!isRefusal(answer)) return void response.set('Cache-Control', 'no-store').json(answer);
    if (isRefusal(event)) await hook.refuse(`conditions/${signed.id}`, event.code);
    sendProblem(response, problemOf(answer, idOf(response)));
  });
  return router;
}

function readEvent(text: string, delivery: string): ConditionEvent | Refusal {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('InvalidInput', 'The body is not JSON.');
  }
  const parsed = eventBody.safeParse(value);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join('.') ?? '';
    const where = path === '' ? 'The body' : `The field ${path}`;
    return refuse(
      'InvalidInput',
      `${where} is not what this hook takes: {type: incident.closed | incident.opened | ticket.closed | ticket.opened, data: {key}}.`,
    );
  }
  const [kind, state] = parsed.data.type.split('.') as ['incident' | 'ticket', 'opened' | 'closed'];
  return { delivery, condition: { kind, key: parsed.data.data.key }, state: state === 'closed' ? 'over' : 'open' };
}

async function refuseSignature(response: Response, hook: ConditionHook): Promise<void> {
  await hook.refuse('conditions', 'BadSignature');
  const detail = 'The headers webhook-id, webhook-timestamp and webhook-signature do not hold for this body, now.';
  sendProblem(response, httpProblem('BadSignature', detail, idOf(response)));
}

const jsonOnly: RequestHandler = (request, response, next) => {
  if (request.is('application/json')) return next();
  sendProblem(response, httpProblem('UnsupportedMediaType', 'Send application/json.', idOf(response)));
};
