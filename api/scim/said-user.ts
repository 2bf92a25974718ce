/** What a source says of somebody, read from a user as the library has checked it. */
import type { ScimUserFields } from '../../service/contract-scim.ts';
import type { ScimUserRow } from '../../store/scim-users.ts';
import { isFields, type Fields } from './payload.ts';
import type { Says } from './user-payload.ts';

/** `known`: whom it is about, where that is somebody. */
export function fieldsOf(data: Fields, says: Says, known: ScimUserRow | undefined): ScimUserFields {
  const name = nameOf(data, known?.name ?? null);
  const email = emailOf(data['emails']);
  const kind = typeof data['userType'] === 'string' ? data['userType'].toLowerCase() : '';
  return {
    userName: String(data['userName']),
    externalId: typeof data['externalId'] === 'string' ? data['externalId'] : null,
    ...says,
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(kind === 'employee' || kind === 'contractor' || kind === 'service' ? { kind } : {}),
  };
}

/** Of the names that a client may send, the first that is news: a PATCH changes one and leaves the others. */
function nameOf(data: Fields, known: string | null): string | undefined {
  const name = isFields(data['name']) ? data['name'] : {};
  const whole = [name['givenName'], name['familyName']].filter((part) => typeof part === 'string').join(' ');
  const said = [data['displayName'], name['formatted'], whole].filter(
    (each): each is string => typeof each === 'string' && each.trim() !== '',
  );
  return said.find((each) => each !== known);
}

function emailOf(emails: unknown): string | undefined {
  const all = Array.isArray(emails) ? emails.filter(isFields) : [];
  const best = all.find(({ primary }) => primary === true) ?? all.find(({ type }) => type === 'work') ?? all[0];
  return typeof best?.['value'] === 'string' ? best['value'] : undefined;
}
