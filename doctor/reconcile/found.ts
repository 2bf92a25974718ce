/**
 * What a reconciler can find where store, Temporal and targets do not agree. Each kind says how grave it is, what it
 * means in a sentence without names, and what Curfew does about it. What is ended is ended; nothing is ever adopted.
 */
import type { End, Outcome } from '../../domain/request.ts';
import type { RequestId, TargetName } from '../../domain/ids.ts';
import type { FindingRow } from '../../store/findings.ts';

type OfRequest = { readonly requestId: RequestId; readonly target: TargetName };
type OfGrant = { readonly requestId: RequestId; readonly target: string };

export type Found =
  // == Requests and Workflows
  | ({ readonly kind: 'request-without-workflow'; readonly how: Gone; readonly held: boolean } & OfRequest)
  | { readonly kind: 'workflow-without-request'; readonly requestId: RequestId }
  | ({ readonly kind: 'workflow-goes-on'; readonly outcome: Outcome } & OfRequest)
  | ({ readonly kind: 'workflow-is-over'; readonly end: End | null; readonly held: boolean } & OfRequest)
  | { readonly kind: 'temporal-unknown'; readonly requests: number }
  // == Grants
  | ({ readonly kind: 'surplus-grant'; readonly because: Surplus } & OfGrant)
  | ({ readonly kind: 'gone-grant' } & OfRequest)
  | ({ readonly kind: 'ends-apart' } & OfGrant)
  | ({ readonly kind: 'past-end' } & OfGrant)
  | ({ readonly kind: 'session-after-end'; readonly sessions: number } & OfGrant)
  // == Roles
  | { readonly kind: 'stranger'; readonly role: string; readonly target: string }
  | ({ readonly kind: 'login-gone' } & OfGrant)
  | ({ readonly kind: 'login-back' } & OfGrant)
  | ({ readonly kind: 'role-altered' } & OfGrant)
  | ({ readonly kind: 'other-membership'; readonly roles: number } & OfGrant)
  | ({ readonly kind: 'membership-left' } & OfGrant)
  | { readonly kind: 'member-of-grant'; readonly role: string; readonly target: string }
  // == Targets
  | { readonly kind: 'template-fails-lint'; readonly template: string; readonly target: string; readonly code: string }
  | { readonly kind: 'check-failed' | 'check-old'; readonly target: TargetName }
  | { readonly kind: 'cluster-changed'; readonly target: TargetName }
  | { readonly kind: 'clock-apart'; readonly clock: string; readonly skewMs: number }
  | { readonly kind: 'target-unknown'; readonly cluster: string; readonly node: string }
  // == What waits
  | { readonly kind: 'intents-wait'; readonly count: number }
  | { readonly kind: 'outbox-waits'; readonly count: number }
  | { readonly kind: 'review-debt'; readonly count: number };

export type FoundKind = Found['kind'];

/** How a Workflow is gone: ended by an operator, failed by itself, or not known to Temporal at all. */
export type Gone = 'terminated' | 'failed' | 'lost';

/** Why a grant that its target has active should not be: the store does not know it, nobody claimed it, it is not recorded, or it had ended. */
export type Surplus = 'unknown' | 'unclaimed' | 'unrecorded' | 'ended';

type Words = Pick<FindingRow, 'severity' | 'detail' | 'did'>;
const high = (detail: string, did: string): Words => ({ severity: 'high', detail, did });
const low = (detail: string, did: string): Words => ({ severity: 'low', detail, did });

const gone: Readonly<Record<Gone, string>> = {
  terminated: 'Somebody terminated the Workflow of this request',
  failed: 'The Workflow of this request failed',
  lost: 'Temporal does not know the Workflow of this request',
};

const surplus: Readonly<Record<Surplus, string>> = {
  unknown: 'the store has no such request',
  unclaimed: 'the store knows of no claim',
  unrecorded: 'the store has no such grant',
  ended: 'the store has it ended',
};

const ends = 'It is disabled, its sessions are closed, and its end is asked for.';
const looksAtIt = 'Nothing is done by itself: somebody has to look.';

/** Severity, sentence and deed of each kind. */
export function wordsOf(found: Found): Words {
  switch (found.kind) {
    case 'request-without-workflow':
      return high(
        `${gone[found.how]}, and the store has it open${found.held ? ', with a grant' : ''}.`,
        found.held ? 'The grant is ended, and the request is closed once that is verified.' : 'The request is closed.',
      );
    case 'workflow-without-request':
      return high(
        'A Workflow runs for a request that the store does not have.',
        'It was cancelled once, by which it revokes what it may hold: look whether the store came back from a backup.',
      );
    case 'workflow-goes-on':
      return low(`The store has it closed (${found.outcome}), and its Workflow runs.`, 'The Workflow was cancelled.');
    case 'workflow-is-over':
      return low(
        `Its Workflow is over (${found.end?.outcome ?? 'nobody knows how'}), and the store has it open.`,
        'The store is told what the Workflow says; what is held is ended first.',
      );
    case 'temporal-unknown':
      return high(
        `Temporal does not say what became of ${found.requests} open requests.`,
        'Nothing is done about them until it does; what is due ends all the same.',
      );
    case 'surplus-grant':
      return high(`Its target has it active, and ${surplus[found.because]}.`, ends);
    case 'gone-grant':
      return low(
        'The store has it active, and its target does not.',
        'Its Workflow is told to end it; where that does not come, its end is verified and recorded.',
      );
    case 'ends-apart':
      return high('Its target and the store have two ends for it.', 'It ends by the earlier one of them.');
    case 'past-end':
      return high('It is more than 30 seconds past its end, and not over.', ends);
    case 'session-after-end':
      return high(`It has ended, and has ${found.sessions} sessions.`, 'They are closed.');
    case 'stranger':
      return high(
        'A role with the name of a grant that nobody made.',
        'The reaper disables it where the target lets it. It is not adopted.',
      );
    case 'login-gone':
      return high('The ledger has it active, and its role is gone, renamed or disabled.', ends);
    case 'login-back':
      return high('It has ended, and its role can log in again.', ends);
    case 'role-altered':
      return high('Somebody changed until when its role can log in.', ends);
    case 'other-membership':
      return high(`Somebody else made its role a member of ${found.roles} roles more.`, ends);
    case 'membership-left':
      return high(
        'It has ended, and its role is still a member of another role.',
        'It is revoked again; one that somebody else granted may be theirs to take back.',
      );
    case 'member-of-grant':
      return high("Somebody made another role a member of a grant's role.", ends);
    case 'template-fails-lint':
      return high(`The template ${found.template} is granted, and fails its lint: ${found.code}.`, looksAtIt);
    case 'check-failed':
      return high('The last check of this target failed, and there are grants on it.', 'It gets no new ones.');
    case 'check-old':
      return low(
        'The last check of this target is older than a week, and there are grants on it.',
        'It gets no new ones.',
      );
    case 'cluster-changed':
      return high(
        'The cluster that answers is another one than was checked: a failover, or a restore.',
        'It gets no new grants until `curfew target check` accepts it; everything on it was compared with the store.',
      );
    case 'clock-apart':
      return high(`Its clock and Curfew's are ${found.skewMs} ms apart.`, 'No grant is made while that is so.');
    case 'target-unknown':
      return high('This node cannot be read.', 'Nothing is done about what is on it until it can; VALID UNTIL holds.');
    case 'intents-wait':
      return high(
        `${found.count} ends were asked for more than a minute ago, and are not verified.`,
        'The reaper goes on trying.',
      );
    case 'outbox-waits':
      return low(`${found.count} messages have waited for more than two minutes.`, 'They are sent again.');
    case 'review-debt':
      return low(
        `${found.count} break-glass grants ended more than a day ago without a review.`,
        'Their holders can neither break glass nor approve.',
      );
  }
}

/** What a finding is about, and where. */
function placeOf(found: Found): { readonly subject: string; readonly target: string | null } {
  switch (found.kind) {
    case 'workflow-without-request':
      return { subject: found.requestId, target: null };
    case 'stranger':
    case 'member-of-grant':
      return { subject: found.role, target: found.target };
    case 'template-fails-lint':
      return { subject: `${found.target}/${found.template}/${found.code}`, target: found.target };
    case 'check-failed':
    case 'check-old':
    case 'cluster-changed':
      return { subject: found.target, target: found.target };
    case 'clock-apart':
      return { subject: found.clock, target: null };
    case 'target-unknown':
      return { subject: `${found.cluster}/${found.node}`, target: found.cluster };
    case 'temporal-unknown':
      return { subject: 'temporal', target: null };
    case 'intents-wait':
      return { subject: 'intents', target: null };
    case 'outbox-waits':
      return { subject: 'outbox', target: null };
    case 'review-debt':
      return { subject: 'reviews', target: null };
    default:
      return { subject: found.requestId, target: found.target };
  }
}

/** As the store keeps it. The key says what it is about, so that a look that meets it again meets the same. */
export function rowOf(found: Found): FindingRow {
  const { subject, target } = placeOf(found);
  const { kind, ...facts } = found;
  return { key: `${kind}/${subject}`, kind, subject, target, ...wordsOf(found), facts };
}
