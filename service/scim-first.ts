/** What a SCIM call ends before anything else of it is looked at, and what is done about people whom nobody knows. */
import { isRefusal, type Refusal } from '../domain/errors.ts';
import { isUuid } from '../domain/ids.ts';
import type { PersonState } from '../domain/person.ts';
import { personIdFrom } from '../policy/digest.ts';
import type { Db } from '../store/pool.ts';
import * as scimUsers from '../store/scim-users.ts';
import { answering } from './answering.ts';
import type { ScimCall, ScimSubject, ScimUseCases } from './contract-scim.ts';
import { leave } from './leave.ts';
import { handleFrom } from './scim-names.ts';
import { actor, type ScimContext } from './scim-users.ts';

export const scimFirstCases = (scim: ScimContext): Pick<ScimUseCases, 'offBoard' | 'isKnown' | 'note'> => ({
  offBoard: (call, subject, state) => offBoard(scim, call, subject, state),
  isKnown: async ({ caller }, userName) => {
    const handle = handleFrom(userName, scim.domain);
    return handle !== undefined && (await scimUsers.find(scim.store, caller.source, { handle })) !== undefined;
  },
  note: (call, subject) => note(scim, call, subject),
});

/**
 * Safe first: by the id, or where nobody has that by the userName. A source that has said "left" is not taken to mean
 * less by "inactive": the other word comes with "active".
 */
async function offBoard(
  { ctx, store, domain }: ScimContext,
  call: ScimCall,
  subject: ScimSubject,
  how: 'inactive' | 'deleted',
): Promise<Refusal | undefined> {
  const { caller, event, turn } = call;
  const found = await answering(ctx, 'scimFind', () => findSubject(store, caller.source, subject, domain));
  if (isRefusal(found)) return found;
  const said: PersonState = how === 'deleted' ? 'left' : caller.inactive;
  const state = found.word === 'left' ? 'left' : said;
  const left = await leave(ctx, { source: caller.source, event, who: found.who, state, version: turn, actor });
  return isRefusal(left) ? left : undefined;
}

type Found = { readonly who: { readonly handle: string } | { readonly id: string }; readonly word: PersonState | null };

async function findSubject(db: Db, source: string, { id, userName }: ScimSubject, domain?: string): Promise<Found> {
  const handle = userName === undefined ? undefined : handleFrom(userName, domain);
  const byId = id !== undefined && isUuid(id) ? await scimUsers.find(db, source, { id }) : undefined;
  const person = byId ?? (handle === undefined ? undefined : await scimUsers.find(db, source, { handle }));
  if (person) return { who: { handle: person.handle }, word: person.word };
  if (handle !== undefined) return { who: { handle }, word: null };
  // What stands in the address may be anything: of what is no id the log keeps what it would be as one.
  return { who: { id: id !== undefined && isUuid(id) ? id : personIdFrom(id ?? '') }, word: null };
}

/** Somebody whom nobody knows is not a 404 alone: as with HR's events it is written down and alarms. */
async function note({ ctx, store }: ScimContext, call: ScimCall, subject: ScimSubject): Promise<Refusal | undefined> {
  const { caller, event, turn } = call;
  const { id = '' } = subject;
  const known = await answering(ctx, 'scimFind', () =>
    isUuid(id) ? scimUsers.find(store, caller.source, { id }) : Promise.resolve(undefined),
  );
  if (isRefusal(known)) return known;
  if (known) return undefined;
  const who = { id: isUuid(id) ? id : personIdFrom(id) };
  const noted = await leave(ctx, { source: caller.source, event, who, state: 'active', version: turn, actor });
  return isRefusal(noted) ? noted : undefined;
}
