/** People and requests for tests of the store, through the functions that make them in earnest. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { ApproverFacts, Decision } from '../../domain/decision.ts';
import type {
  DecisionId,
  Digest,
  PersonId,
  PolicyHash,
  RequestId,
  RoleName,
  TargetName,
  TemplateName,
} from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import type { RequestState } from '../../domain/request.ts';
import type { RequestView } from '../../domain/view.ts';
import { apply, type PersonChange } from '../../store/people.ts';
import type { Store } from '../../store/pool.ts';
import { insert, type RequestRow } from '../../store/requests.ts';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** An active employee, unless the change says otherwise. `directory`: the directory login's Store. */
export async function addPerson(
  directory: Store,
  handle: string,
  change: Partial<PersonChange> = {},
): Promise<PersonId> {
  const { after } = await directory.transaction((tx) =>
    apply(tx, { handle, version: 1, state: 'active', ...change }, 'curfew_directory'),
  );
  return after.id;
}

/** A request as the service would make it; nothing is written. */
export function sampleRequest(person: PersonId, change: Partial<RequestRow> = {}): RequestRow {
  const id = randomUUID() as RequestId;
  const openedAt = Date.now();
  return {
    id,
    kind: 'access',
    person,
    target: 'orders-prod' as TargetName,
    databases: ['orders'],
    role: 'read' as RoleName,
    template: 'orders_read' as TemplateName,
    durationMs: 3_600_000,
    ticket: null,
    startAt: null,
    reasonHash: sha256('salt and reason'),
    plan: {
      verdict: 'approvals',
      policy: sha256('policy') as PolicyHash,
      rule: 'orders',
      limits: { maxMs: 7_200_000, decideWithinMs: 600_000, useWithinMs: 600_000 },
      stages: [{ name: 'owners', need: 1, from: [{ kind: 'group', group: 'orders-owners' }] }],
    },
    policyHash: sha256('policy') as PolicyHash,
    digest: sha256(id) as Digest,
    openedAt,
    decideByAt: openedAt + 600_000,
    ...change,
  };
}

/** `api`: the API login's Store. */
export async function openRequest(api: Store, person: PersonId, change: Partial<RequestRow> = {}): Promise<RequestRow> {
  const request = sampleRequest(person, change);
  await api.transaction((tx) => insert(tx, request, { text: 'why not', salt: randomBytes(16) }));
  return request;
}

export const sampleView = (version: number, state: RequestState): RequestView => ({
  version,
  state,
  decideByAt: 1_800_000_000_000,
  useByAt: null,
  noticed: false,
});

export function sampleDecision(request: RequestRow, person: PersonId, change: Partial<Decision> = {}): Decision {
  const facts: PersonFacts = {
    id: person,
    state: 'active',
    kind: 'employee',
    manager: null,
    groups: ['orders-owners'],
    aliases: [],
    addedBy: [],
  };
  const account: ApproverFacts['account'] = {
    deleted: false,
    bot: false,
    restricted: false,
    stranger: false,
    readAt: 1,
  };
  return {
    id: sha256(randomUUID()) as DecisionId,
    requestId: request.id,
    digest: request.digest,
    stage: 0,
    person,
    verdict: 'approve',
    facts: { person: facts, account },
    madeAt: Date.now(),
    ...change,
  };
}
