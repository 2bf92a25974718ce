/**
 * Lists, RFC 7644 section 3.4.2. Not the library's: it answers a page after the last one with the first, and takes a
 * filter that grows exponentially.
 */
import { setImmediate as anotherTurn } from 'node:timers/promises';
import { isRefusal, type Refusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import { isScimRefusal, type ScimCaller, type ScimRefusal, type ScimUseCases } from '../../service/contract-scim.ts';
import { equalities, matches, parseFilter, type Filter } from './filter.ts';
import type { Fields } from './payload.ts';
import { wantsMembers, type Query } from './query.ts';
import { shownGroup, shownUser } from './shown.ts';
import { isKeepableText } from './user-payload.ts';

export type Page = { readonly total: number; readonly startIndex: number; readonly resources: readonly Fields[] };
type Answer = Page | ScimRefusal | Refusal | 'bad-filter' | 'too-many';

/** What is read for a filter that names nobody: more than this is no directory that fits on one page of anything. */
const mostRead = 20_000;

export async function userPage(useCases: ScimUseCases, caller: ScimCaller, query: Query): Promise<Answer> {
  const { startIndex, count } = query;
  if (query.filter === undefined) {
    const found = await useCases.users(caller, {}, { offset: startIndex - 1, limit: count });
    if (isScimRefusal(found) || isRefusal(found)) return found;
    return { total: found.total, startIndex, resources: found.rows.map(shownUser) };
  }
  const filter = filterOf(query.filter);
  if (!filter) return 'bad-filter';
  const asked = equalities(filter);
  const [id, userName, externalId] = ['id', 'username', 'externalid'].map((name) => asked.get(name));
  const search = {
    ...(id === undefined ? {} : { id: id as PersonId }),
    ...(userName === undefined ? {} : { userName }),
    ...(externalId === undefined ? {} : { externalId }),
  };
  const found = await useCases.users(caller, search, { offset: 0, limit: mostRead + 1 });
  if (isScimRefusal(found) || isRefusal(found)) return found;
  if (found.rows.length > mostRead) return 'too-many';
  // The handle fitted, and a userName may be written in two ways: with the domain and without.
  const rest = userName === undefined ? filter : withoutUserName(filter);
  return paged(found.rows, shownUser, rest, query);
}

export async function groupPage(useCases: ScimUseCases, caller: ScimCaller, query: Query): Promise<Answer> {
  const filter = query.filter === undefined ? undefined : filterOf(query.filter);
  if (query.filter !== undefined && !filter) return 'bad-filter';
  const display = filter && equalities(filter).get('displayname');
  const wanted = wantsMembers(query);
  const members = wanted || (filter !== undefined && /"path":"members/.test(JSON.stringify(filter)));
  const found = await useCases.groups(caller, { members, ...(display === undefined ? {} : { display }) });
  if (isScimRefusal(found) || isRefusal(found)) return found;
  return paged(found, shownGroup, filter, query);
}

function filterOf(text: string): Filter | undefined {
  const filter = isKeepableText(text.slice(0, 300)) ? parseFilter(text) : undefined;
  const texts = filter === undefined ? [] : [...equalities(filter).values()];
  return texts.every(isKeepableText) ? filter : undefined;
}

const withoutUserName = (filter: Filter): Filter => {
  const others = (filter.kind === 'and' ? filter.of : [filter]).filter(
    (each) => !(each.kind === 'compare' && each.by === 'eq' && each.path === 'username'),
  );
  return { kind: 'and', of: others };
};

/** Resources that are looked at before others get a word in: a leaver's event may wait in the same process. */
const atOnce = 100;

async function paged<Row>(
  rows: readonly Row[],
  show: (row: Row) => Fields,
  filter: Filter | undefined,
  { startIndex, count }: Query,
): Promise<Page> {
  const fitting: Fields[] = [];
  for (const [index, row] of rows.entries()) {
    if (index % atOnce === atOnce - 1) await anotherTurn();
    const shown = show(row);
    if (filter === undefined || matches(filter, shown)) fitting.push(shown);
  }
  return { total: fitting.length, startIndex, resources: fitting.slice(startIndex - 1, startIndex - 1 + count) };
}
