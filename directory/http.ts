import { boundedText } from '../domain/bounded-text.ts';
import { groupPattern } from '../policy/selectors.ts';
import type { ListedPerson, Listing, PersonSource } from '../service/person-source.ts';
import { at } from './pointer.ts';
import { handleOf, type Ask, type SourceSpec } from './spec.ts';

const largestBytes = 16 * 1_048_576;
const mostPeople = 100_000;

type Endpoint = Extract<Ask, { kind: 'http' }>;

/**
 * An endpoint that answers one GET with a list of everybody, in JSON. Anything else, a redirect included, is silence: a
 * token must not follow one, and a page that says "sign in" lists nobody. An entry without a handle is somebody without
 * an account; one whose state is not configured makes the whole answer one that nobody understands.
 */
export function httpSource(ask: Endpoint, spec: Pick<SourceSpec, 'domain'>): PersonSource {
  return { list: () => listed(ask, spec) };
}

async function listed(ask: Endpoint, spec: Pick<SourceSpec, 'domain'>): Promise<Listing> {
  const { url, token, timeoutMs } = ask;
  let text: string;
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) return { kind: 'silent', why: `It answered with the status ${response.status}.` };
    text = await boundedText(response.body, largestBytes);
  } catch {
    return { kind: 'silent', why: 'It did not answer in time, or not as it should.' };
  }
  return read(text, ask, spec);
}

function read(text: string, ask: Endpoint, spec: Pick<SourceSpec, 'domain'>): Listing {
  let entries: unknown;
  try {
    entries = at(JSON.parse(text), ask.list);
  } catch {
    return { kind: 'silent', why: 'Its answer is not JSON.' };
  }
  if (!Array.isArray(entries) || entries.length > mostPeople)
    return { kind: 'silent', why: 'Its answer has no list of people where one is configured.' };
  const people = new Map<string, ListedPerson>();
  let strange = 0;
  for (const entry of entries) {
    const named = at(entry, ask.handle);
    if (named === undefined || named === null || named === '') continue;
    const person = personOf(entry, named, ask, spec);
    if (!person || people.has(person.handle)) strange += 1;
    else people.set(person.handle, person);
  }
  if (strange === 0) return { kind: 'listed', people };
  return {
    kind: 'silent',
    why: `${strange} entries of its answer say a state that is not configured, or somebody twice.`,
  };
}

function personOf(
  entry: unknown,
  named: unknown,
  ask: Endpoint,
  spec: Pick<SourceSpec, 'domain'>,
): ListedPerson | undefined {
  const said = at(entry, ask.state);
  const state = typeof said === 'string' ? ask.states.get(said) : undefined;
  if (typeof named !== 'string' || named.length > 200 || !state) return undefined;
  const manager = ask.manager === undefined ? undefined : at(entry, ask.manager);
  const groups = ask.groups === undefined ? undefined : at(entry, ask.groups);
  return {
    handle: handleOf(spec, named),
    state,
    ...(typeof manager === 'string' && manager !== '' ? { manager: handleOf(spec, manager) } : {}),
    ...(manager === null ? { manager } : {}),
    ...(Array.isArray(groups)
      ? { groups: groups.filter((group) => typeof group === 'string' && groupPattern.test(group)) as string[] }
      : {}),
  };
}
