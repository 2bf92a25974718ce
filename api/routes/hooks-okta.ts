/** Okta event hooks: https://developer.okta.com/docs/concepts/event-hooks/. Not signed: a secret in Authorization. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { raw, Router } from 'express';
import { z } from 'zod';
import { handleOf, type OktaHook, type SourceSpec } from '../../directory/spec.ts';
import { isRefusal } from '../../domain/errors.ts';
import { isUuid } from '../../domain/ids.ts';
import type { HrEvent, HrUseCases } from '../../service/deliver.ts';
import { whoIs } from '../hook-events.ts';
import { httpProblem, problemOf, sendProblem } from '../problem.ts';
import { jsonOnly, rawBytes, readBody } from '../signed-webhook.ts';
import { idOf } from '../trace.ts';
import { delivered, type SourceHook } from './hooks-sources.ts';

export const oktaPath = (name: string): string => `/hooks/okta/${name}`;

const target = z.object({
  id: z.string().max(200).optional(),
  type: z.string(),
  alternateId: z.string().max(300).nullish(),
});
const event = z.object({
  uuid: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/),
  published: z.iso.datetime({ offset: true }),
  eventType: z.string().max(200),
  target: z.array(target).max(50).nullish(),
});
const body = z.object({ data: z.object({ events: z.array(event).max(1_000) }) });

/**
 * Each event is a delivery of its own, by its uuid, in the order in which they were published; one POST may carry many.
 * Types that say nothing of a person's state are passed over with 200.
 * @throws Error for no secret, or a short one: it would let everybody in
 */
export function oktaHooks(hooks: readonly SourceHook[]): Router {
  const router = Router({ caseSensitive: true, strict: true });
  for (const { spec, useCases } of hooks) if (spec.okta) addHook(router, spec, spec.okta, useCases);
  return router;
}

function addHook(router: Router, spec: SourceSpec, okta: OktaHook, hr: HrUseCases): void {
  const isKnown = heldBy(okta.authorization);
  // Okta asks once whether this address is ours, before it sends anything and without a secret: it is answered its own
  // word, and nothing else is said.
  router.get(oktaPath(spec.name), (request, response) => {
    const challenge = request.get('x-okta-verification-challenge') ?? '';
    if (!/^[\x21-\x7e]{1,500}$/.test(challenge))
      return sendProblem(response, httpProblem('NotFound', 'There is nothing at this address.', idOf(response)));
    response.set('Cache-Control', 'no-store').json({ verification: challenge });
  });
  router.post(
    oktaPath(spec.name),
    jsonOnly,
    raw({ type: () => true, limit: '1mb', inflate: false }),
    async (request, response) => {
      if (!isKnown(request.get('authorization') ?? '')) {
        await hr.refuseSignature();
        return sendProblem(
          response,
          httpProblem('BadSignature', 'The header Authorization does not hold.', idOf(response)),
        );
      }
      const read = readBody(
        rawBytes(request).toString('utf8'),
        body,
        '{data: {events: [{uuid, published, eventType, target}]}}',
      );
      const answers = isRefusal(read)
        ? await hr.refuseEvent({ delivery: 'unread', refusal: read })
        : await delivered(hr, eventsOf(read.value, spec, okta));
      if (isRefusal(answers)) return sendProblem(response, problemOf(answers, idOf(response)));
      response.set('Cache-Control', 'no-store').json({ deliveries: answers });
    },
  );
  router.get(`${oktaPath(spec.name)}/:delivery`, async (request, response) => {
    if (!isKnown(request.get('authorization') ?? '')) {
      await hr.refuseSignature();
      return sendProblem(
        response,
        httpProblem('BadSignature', 'The header Authorization does not hold.', idOf(response)),
      );
    }
    const report = await hr.report({ delivery: request.params.delivery });
    if (isRefusal(report)) return sendProblem(response, problemOf(report, idOf(response)));
    response.set('Cache-Control', 'no-store').json(report);
  });
}

/** Hashes are compared, so that neither a secret's length nor its beginning shows in how long it takes. */
function heldBy(secrets: readonly string[]): (given: string) => boolean {
  if (secrets.length === 0 || secrets.some((secret) => secret.length < 16))
    throw new Error('an Okta hook needs a secret of at least 16 characters');
  const hashes = secrets.map(hashOf);
  return (given) => {
    const hash = hashOf(given);
    return hashes.filter((one) => timingSafeEqual(one, hash)).length > 0;
  };
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

function eventsOf({ data }: z.output<typeof body>, spec: SourceSpec, { types }: OktaHook): readonly HrEvent[] {
  return data.events
    .toSorted((one, other) => Date.parse(one.published) - Date.parse(other.published))
    .flatMap(({ uuid, published, eventType, target: targets }): readonly HrEvent[] => {
      const state = types.get(eventType);
      const user = targets?.find(({ type }) => type === 'User');
      const who = user && whoOf(user, spec, uuid);
      return state && who ? [{ delivery: uuid, state, who, version: Date.parse(published) }] : [];
    });
}

/**
 * Their login, as Okta has it; where it says none, or none that can be ours, an id that is. Whoever is neither is
 * somebody whom nobody knows, and no event to pass over: they may hold something by another name.
 */
function whoOf({ id, alternateId }: z.output<typeof target>, spec: SourceSpec, uuid: string): HrEvent['who'] {
  const named = typeof alternateId === 'string' ? handleOf(spec, alternateId) : '';
  const who = whoIs(named);
  if ('handle' in who) return who;
  if (id !== undefined && isUuid(id.toLowerCase())) return { id: id.toLowerCase() };
  return named === '' ? whoIs(`/${id ?? uuid}`) : who;
}
