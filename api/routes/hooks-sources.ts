import { Router, type Response } from 'express';
import type { SourceSpec } from '../../directory/spec.ts';
import { isRefusal, refuse, type Refusal } from '../../domain/errors.ts';
import type { HrAnswer, HrUseCases } from '../../service/deliver.ts';
import { readEvents } from '../hook-events.ts';
import { provenBy } from '../hook-signature.ts';
import { httpProblem, problemOf, sendProblem } from '../problem.ts';
import { rawBytes, signedBody } from '../signed-webhook.ts';
import { idOf } from '../trace.ts';

export type SourceHook = { readonly spec: SourceSpec; readonly useCases: HrUseCases };

/** `POST /hooks/hr/<source>` and `GET /hooks/hr/<source>/<delivery>`. */
export const hookPath = (name: string): string => `/hooks/hr/${name}`;

/**
 * The hooks of configured sources: each is verified and read as its configuration says. One delivery with one event is
 * answered like the first hook's; with several, `{deliveries: [...]}`. What is of no configured type is passed over with
 * 200, for its sender has done nothing wrong.
 *
 * `GET` of a report is signed in the same way: over an empty body with the delivery's id where the id is signed, else
 * with the delivery's id in place of the body.
 * @throws Error for no secret, or a short one
 */
export function sourceHooks(hooks: readonly SourceHook[], clock: () => number): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const one of hooks) addHook(router, one, clock);
  return router;
}

function addHook(router: Router, { spec, useCases: hr }: SourceHook, clock: () => number): void {
  const { hook } = spec;
  if (!hook) return;
  const proves = provenBy(hook.signature, clock);
  const signsId = hook.signature.kind === 'standard' || hook.signature.id !== undefined;
  router.post(hookPath(spec.name), ...signedBody, async (request, response) => {
    const body = rawBytes(request);
    const proven = proves(request, body);
    if (!proven) return refuseSignature(response, hr);
    const json = parsed(body);
    const { events, refusal } = isRefusal(json)
      ? { events: [], refusal: json }
      : readEvents(json.value, hook.event, spec, proven);
    const answers = await delivered(hr, events);
    if (isRefusal(answers)) return sendProblem(response, problemOf(answers, idOf(response)));
    if (refusal) {
      const answer = await hr.refuseEvent({ delivery: proven.id ?? proven.proof, refusal });
      return sendProblem(response, problemOf(answer, idOf(response)));
    }
    const [only] = answers;
    response
      .set('Cache-Control', 'no-store')
      .json(hook.event.each === undefined ? (only ?? { passedOver: true }) : { deliveries: answers });
  });
  router.get(`${hookPath(spec.name)}/:delivery`, async (request, response) => {
    const { delivery } = request.params;
    const proven = proves(request, Buffer.from(signsId ? '' : delivery));
    if (!proven || (signsId && proven.id !== delivery)) return refuseSignature(response, hr);
    const report = await hr.report({ delivery });
    if (isRefusal(report)) return sendProblem(response, problemOf(report, idOf(response)));
    response.set('Cache-Control', 'no-store').json(report);
  });
}

function parsed(body: Buffer): { readonly value: unknown } | Refusal {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return { value };
  } catch {
    // The same answer: it is no object in JSON.
  }
  return refuse('InvalidInput', 'The body is not a JSON object.');
}

/** One after another. The first that was not recorded is the answer: the sender repeats all, and the rest get theirs. */
export async function delivered(
  hr: HrUseCases,
  events: readonly Parameters<HrUseCases['deliver']>[0][],
): Promise<readonly HrAnswer[] | Refusal> {
  const answers: HrAnswer[] = [];
  let failed: Refusal | undefined;
  for (const event of events) {
    const answer = await hr.deliver(event);
    if (isRefusal(answer)) failed ??= answer;
    else answers.push(answer);
  }
  return failed ?? answers;
}

async function refuseSignature(response: Response, hr: HrUseCases): Promise<void> {
  await hr.refuseSignature();
  sendProblem(response, httpProblem('BadSignature', 'The signature does not hold for this body, now.', idOf(response)));
}
