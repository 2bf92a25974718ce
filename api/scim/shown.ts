/** People and groups as SCIM shows them, RFC 7643 sections 4.1 and 4.2. */
import { createHash } from 'node:crypto';
import type { ScimGroupRow } from '../../store/scim-groups.ts';
import type { ScimUserRow } from '../../store/scim-users.ts';
import { enterpriseUser, type Fields } from './payload.ts';

/** A weak ETag, RFC 7644 section 3.14: of what is shown. */
const versionOf = (shown: object): string =>
  `W/"${createHash('sha256').update(JSON.stringify(shown)).digest('base64url').slice(0, 22)}"`;

const metaOf = (shown: object, { madeAt, changedAt }: { readonly madeAt: number; readonly changedAt: number }) => ({
  created: new Date(madeAt).toISOString(),
  lastModified: new Date(changedAt).toISOString(),
  version: versionOf(shown),
});

const kinds = { employee: 'Employee', contractor: 'Contractor', service: 'Service' } as const;

export function shownUser(row: ScimUserRow): Fields {
  const { name, email, groups, manager } = row;
  const shown = {
    id: row.id,
    userName: row.userName ?? row.handle,
    active: row.state === 'active',
    userType: kinds[row.kind],
    ...(row.externalId === null ? {} : { externalId: row.externalId }),
    ...(name === null ? {} : { displayName: name, name: { formatted: name } }),
    ...(email === null ? {} : { emails: [{ value: email, type: 'work', primary: true }] }),
    ...(groups.length === 0
      ? {}
      : { groups: groups.map(({ id, display }) => ({ value: id, display, type: 'direct' })) }),
    ...(manager === null ? {} : { [enterpriseUser]: { manager: { value: manager } } }),
  };
  return { ...shown, meta: metaOf(shown, row) };
}

export function shownGroup(row: ScimGroupRow): Fields {
  const shown = {
    id: row.id,
    displayName: row.display,
    ...(row.externalId === null ? {} : { externalId: row.externalId }),
    ...(row.members.length === 0
      ? {}
      : { members: row.members.map(({ id, handle }) => ({ value: id, display: handle, type: 'User' })) }),
  };
  return { ...shown, meta: metaOf(shown, row) };
}
