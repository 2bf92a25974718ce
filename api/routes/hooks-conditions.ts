import { Router, type Response } from 'express';
import { z } from 'zod';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import type { ConditionEvent, ConditionHook } from '../../service/conditions.ts';
import { problemOf, sendProblem } from '../problem.ts';
import { rawBody, readBody, sendBadSignature, signedBody, signedBy } from '../signed-webhook.ts';
import { idOf } from '../trace.ts';

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
  router.post('/hooks/conditions', ...signedBody, async (request, response) => {
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
  const read = readBody(
    text,
    eventBody,
    '{type: incident.closed | incident.opened | ticket.closed | ticket.opened, data: {key}}',
  );
  if (isRefusal(read)) return read;
  const [kind, state] = read.value.type.split('.') as ['incident' | 'ticket', 'opened' | 'closed'];
  return { delivery, condition: { kind, key: read.value.data.key }, state: state === 'closed' ? 'over' : 'open' };
}

async function refuseSignature(response: Response, hook: ConditionHook): Promise<void> {
  await hook.refuse('conditions', 'BadSignature');
  sendBadSignature(response);
}
