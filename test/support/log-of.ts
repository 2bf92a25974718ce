/** The entries that a request's log has when its Workflow did this: as the processes write them, but only what is compared. */
import type { LogEntry } from '../../audit/history/compare.ts';
import type { Happening } from '../../audit/history/happenings.ts';

type Of = Readonly<Record<string, unknown>>;

export function logOf(happenings: readonly Happening[]): readonly LogEntry[] {
  const ended = happenings.find((one) => one.kind === 'ended');
  const outcome = ended?.kind === 'ended' ? ended.outcome : undefined;
  const revoked = happenings.some((one) => one.kind === 'called' && one.activity === 'revoke' && one.answer);
  let id = 0;
  return happenings.flatMap((one) =>
    entriesFor(one, outcome, revoked).map((entry) => ({ id: (id += 1), atMs: one.at - 10, ...entry })),
  );
}

type Made = Pick<LogEntry, 'kind' | 'actor' | 'body'>;

function entriesFor(one: Happening, outcome: string | undefined, revoked: boolean): readonly Made[] {
  if (one.kind === 'started') {
    const { target, digest, plan, requester } = one.input as {
      target: string;
      digest: string;
      plan: Of;
      requester: Of;
    };
    const body = { target, digest, policy: plan['policy'], verdict: plan['verdict'] };
    return [{ kind: 'request.opened', actor: String(requester['id']), body }];
  }
  if (one.kind === 'told') return one.refusedBy === undefined ? toldEntries(one.name, one.said) : [];
  if (one.kind === 'called' && one.answer) {
    const { answer, activity, input } = one;
    if (activity === 'grant') return [{ kind: 'grant.made', actor: 'somebody', body: answer }];
    if (activity === 'extend')
      return [{ kind: 'extension.made', actor: 'somebody', body: { extension: input['extensionId'], ...answer } }];
    if (activity === 'revoke') return [{ kind: 'grant.ended', actor: 'curfew_worker', body: { outcome } }];
  }
  return one.kind === 'ended' && !revoked
    ? [{ kind: 'request.closed', actor: 'curfew_worker', body: { outcome } }]
    : [];
}

function toldEntries(name: string, said: Of): readonly Made[] {
  const actor = String(said['actor']);
  switch (name) {
    case 'decide': {
      const { decisionId: decision, verdict, digest, stage, madeAt, facts } = said;
      const body = { decision, verdict, digest, stage, madeAt };
      return [{ kind: 'decision.made', actor: (facts as { person: { id: string } }).person.id, body }];
    }
    case 'claim':
      return [{ kind: 'claim.accepted', actor: 'somebody', body: { credential: said['credentialId'] } }];
    case 'extend':
      return [{ kind: 'extension.asked', actor, body: { extension: said['extensionId'], endAt: said['endAt'] } }];
    case 'voidDecisions':
      return [{ kind: 'decision.voided', actor, body: { decision: said['decisionId'] } }];
    default:
      return [{ kind: 'end.asked', actor, body: { cause: name } }];
  }
}
