import { Router, type Response } from 'express';
import { z } from 'zod';
import { handleOf } from '../../directory/spec.ts';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import type { PersonState } from '../../domain/person.ts';
import type { HrEvent, HrUseCases } from '../../service/deliver.ts';
import { whoIs } from '../hook-events.ts';
import { problemOf, sendProblem } from '../problem.ts';
import { rawBody, readBody, sendBadSignature, signedBody, signedBy } from '../signed-webhook.ts';
import { idOf } from '../trace.ts';

const states = {
  'person.left': 'left',
  'person.suspended': 'suspended',
  'person.active': 'active',
} as const satisfies Readonly<Record<string, PersonState>>;

/** Vendors add fields of their own, so unknown ones are passed over; what is read is read strictly. */
const eventBody = z.object({
  type: z.enum(['person.left', 'person.suspended', 'person.active']),
  data: z
    .object({
      handle: z
        .string()
        .trim()
        .max(200)
        .regex(/^\P{Cc}+$/u)
        .optional(),
      id: z.uuid().toLowerCase().optional(),
      version: z.int().min(0).optional(),
      effectiveAt: z.iso.datetime({ offset: true }).optional(),
    })
    .refine((data) => (data.handle === undefined) !== (data.id === undefined), 'either handle or id'),
});

/**
 * HR's hook, signed as Standard Webhooks has it. A delivery has one effect, and its repeats get the first answer (I10).
 *
 * `GET /hooks/hr/default/:delivery` is signed in the same way over an empty body, with the delivery's id.
 * @throws Error for no secret, or an empty one: it would let everybody in
 */
export function hrHooks(secrets: readonly string[], hr: HrUseCases): Router {
  const verify = signedBy(secrets);
  const router = Router({ caseSensitive: true, strict: true });
  router.post('/hooks/hr/default', ...signedBody, async (request, response) => {
    const signed = verify(request, rawBody(request));
    if (!signed) return refuseSignature(response, hr);
    const event = readEvent(signed.text, signed.id, signed.stampedAt);
    const answer = isRefusal(event)
      ? await hr.refuseEvent({ delivery: signed.id, refusal: event })
      : await hr.deliver(event);
    if (isRefusal(answer)) return sendProblem(response, problemOf(answer, idOf(response)));
    response.set('Cache-Control', 'no-store').json(answer);
  });
  router.get('/hooks/hr/default/:delivery', async (request, response) => {
    const signed = verify(request, '');
    if (!signed || signed.id !== request.params['delivery']) return refuseSignature(response, hr);
    const report = await hr.report({ delivery: signed.id });
    if (isRefusal(report)) return sendProblem(response, problemOf(report, idOf(response)));
    response.set('Cache-Control', 'no-store').json(report);
  });
  return router;
}

function readEvent(text: string, delivery: string, stampedAt: number): HrEvent | Refusal {
  const read = readBody(
    text,
    eventBody,
    '{type: person.left | person.suspended | person.active, data: {handle or id, version?, effectiveAt?}}',
  );
  if (isRefusal(read)) return read;
  const { handle, id, version, effectiveAt } = read.value.data;
  return {
    delivery,
    state: states[read.value.type],
    who: handle === undefined ? { id: id ?? '' } : whoIs(handleOf({}, handle)),
    version: version ?? stampedAt,
    ...(effectiveAt === undefined ? {} : { effectiveAt: Date.parse(effectiveAt) }),
  };
}

async function refuseSignature(response: Response, hr: HrUseCases): Promise<void> {
  await hr.refuseSignature();
  sendBadSignature(response);
}
