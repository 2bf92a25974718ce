/**
 * Check 2: every step of every request is one that `domain/request.next` allows, and was written by a login that may
 * write it. The log is written where each thing is decided, and a Workflow may have decided otherwise a moment before:
 * such races are known by the entry in which the refusal was taken back, and counted as what they are.
 */
import { isRefusal } from '../../domain/errors.ts';
import { stagesOf, stepsOf } from '../../domain/plan.ts';
import { next, type Outcome, type RequestEvent, type RequestState } from '../../domain/request.ts';
import type { DecisionId, ExtensionId } from '../../domain/ids.ts';
import { hourMs, minuteMs } from '../../domain/units.ts';
import type { PlacedEntry } from '../entry-line.ts';
import {
  approvalOf,
  textIn,
  type Case,
  type Cases,
  type ClaimBody,
  type EndedBody,
  type GrantBody,
  type OpenedBody,
} from './case.ts';
import type { Tally } from './report.ts';
import { whyNotWriter } from './writers.ts';

/** The Workflow takes a word back that it did not wait for, and it may not be reached for long: a file can end before that. */
const takenBackWithinMs = hourMs;
/** Whoever asks for an extension saw the grant as held, and no lock holds up its end for that. */
const crossedWithinMs = minuteMs;

export type LegalCheck = {
  see(entry: PlacedEntry): void;
  finish(): void;
};

/** A request as it begins: what the Workflow begins with, of the plan that was written down. */
export function firstState({ plan }: Pick<OpenedBody, 'plan'>): RequestState {
  const stages = stagesOf(plan);
  const needs = stages.map(({ need }) => need);
  const together = stages.some((stage) => stage.together === true);
  return together ? { kind: 'requested', needs, steps: stepsOf(stages) } : { kind: 'requested', needs };
}

export function checkLegal(cases: Cases, tally: Tally): LegalCheck {
  let newestAt = -Infinity;
  /** Words that came when nothing waited for them: illegal, unless somebody took them back. */
  const late = new Map<string, { readonly entry: PlacedEntry; readonly why: string }>();

  function move(entry: PlacedEntry, one: Case, event: RequestEvent): boolean {
    const moved = next(one.state, event);
    if (isRefusal(moved)) return tally.bad(entry, moved.message) ?? false;
    one.state = moved;
    tally.count('steps');
    return true;
  }

  function word(entry: PlacedEntry, one: Case): void {
    const made = one.words.get(textIn(entry, 'decision') as DecisionId);
    if (!made) return;
    if (made.entry !== entry) return tally.bad(entry, 'This word was given before.');
    const { decision } = made;
    const event: RequestEvent =
      decision.verdict === 'approve'
        ? { kind: 'approved', ...approvalOf(made) }
        : { kind: 'denied', decisionId: decision.id, person: decision.person };
    const moved = next(one.state, event);
    if (isRefusal(moved)) late.set(decision.id, { entry, why: moved.message });
    else {
      one.state = moved;
      tally.count('steps');
    }
  }

  function voided(entry: PlacedEntry, one: Case | number): void {
    const id = textIn(entry, 'decision');
    if (late.delete(id)) tally.count('words that came too late and were taken back');
    if (typeof one === 'number') return;
    const made = one.words.get(id as DecisionId);
    if (!made) return tally.bad(entry, 'It takes back a decision that nobody made.');
    const moved = next(one.state, { kind: 'voided', person: made.decision.person });
    // Once it is claimed nobody's word moves it any more; whether it may be granted is the fifth check's.
    if (isRefusal(moved)) tally.count('words that became void after the claim');
    else {
      one.state = moved;
      tally.count('steps');
    }
  }

  function closed(entry: PlacedEntry, one: Case): void {
    const outcome = textIn(entry, 'outcome') as Outcome;
    const why = closeBy(one, outcome);
    if (why !== undefined) tally.bad(entry, why);
    else tally.count('steps');
    one.state = { kind: 'closed', outcome, cause: '' };
  }

  function ended(entry: PlacedEntry, one: Case): void {
    const { outcome } = entry.body as unknown as EndedBody;
    const why = endBy(one, outcome);
    if (why !== undefined) tally.bad(entry, why);
    else tally.count('steps');
    one.state = { kind: 'closed', outcome, cause: '' };
  }

  function extension(entry: PlacedEntry, one: Case): void {
    const id = textIn(entry, 'extension') as ExtensionId;
    const endAt = Number(entry.body['endAt']);
    const known = one.extensions.get(id);
    switch (entry.kind) {
      case 'extension.asked':
        if (known?.entry !== entry) return tally.bad(entry, 'This extension was asked for before.');
        move(entry, one, {
          kind: entry.body['kind'] === 'automatic' ? 'extension-approved' : 'extension-asked',
          id,
          endAt,
        });
        return;
      case 'extension.decided':
        // A denial is its extension's end, and nothing else says so.
        if (entry.body['verdict'] === 'deny' && one.state.kind === 'active')
          move(entry, one, { kind: 'extension-over', id });
        return;
      case 'extension.made':
        if (!known) return tally.bad(entry, 'Nobody asked for this extension.');
        if (one.state.kind === 'active' && one.state.extension?.id !== id)
          return tally.bad(entry, 'This extension was over, or had come to nothing.');
        // The word that settled it moved the Workflow; the entry of the word does not say that it was the last one.
        if (one.state.kind === 'active' && one.state.extension?.kind === 'asked')
          move(entry, one, { kind: 'extension-approved', id, endAt: known.asked.endAt });
        if (move(entry, one, { kind: 'extended', id, endAt: known.asked.endAt })) one.endAt = known.asked.endAt;
        return;
      default:
        if (!known) tally.bad(entry, 'Nobody asked for this extension.');
        else if (known.came !== entry) tally.bad(entry, 'It was said before what came of this extension.');
        // One that comes to nothing when the grant is over, or was never more than asked for, changes nothing.
        else if (one.state.kind === 'active') move(entry, one, { kind: 'extension-over', id });
    }
  }

  function request(entry: PlacedEntry, one: Case): void {
    switch (entry.kind) {
      case 'decision.made':
        return word(entry, one);
      case 'claim.accepted': {
        const body = entry.body as unknown as ClaimBody;
        if (one.claim?.entry !== entry) return tally.bad(entry, 'It was claimed before.');
        if (move(entry, one, { kind: 'claimed', credentialId: body.credential })) one.endAt = body.endAt;
        return;
      }
      case 'grant.made': {
        const body = entry.body as unknown as GrantBody;
        if (one.claim?.body.credential !== body.credential)
          tally.bad(entry, 'It is granted on another claim than was accepted.');
        if (move(entry, one, { kind: 'granted', endAt: body.endAt })) one.endAt = body.endAt;
        return;
      }
      case 'grant.failed':
        if (one.state.kind !== 'revoking') move(entry, one, { kind: 'grant-failed', cause: textIn(entry, 'cause') });
        return;
      case 'request.closed':
        return closed(entry, one);
      case 'grant.ended':
        return ended(entry, one);
      case 'extension.asked':
      case 'extension.decided':
      case 'extension.made':
      case 'extension.failed':
        return extension(entry, one);
    }
  }

  return {
    see(entry) {
      tally.count('entries');
      newestAt = Math.max(newestAt, entry.atMs);
      const wrong = whyNotWriter(entry.kind, entry.login);
      if (wrong !== undefined) tally.bad(entry, wrong);
      const one = cases.of(entry.subject);
      if (entry.kind === 'decision.voided') {
        if (one) voided(entry, one);
      } else if (one && typeof one !== 'number') {
        if (entry.kind !== 'request.opened') request(entry, one);
        else if (one.entry === entry) tally.count('requests');
        else tally.bad(entry, 'It was opened before.');
      } else if (moving.has(entry.kind)) {
        if (one === undefined && entry.kind === 'request.opened') tally.bad(entry, 'It cannot be read.');
        else if (typeof one === 'number' && entry.kind === 'decision.made') {
          late.set(textIn(entry, 'decision'), { entry, why: 'This request is closed.' });
        } else if (typeof one === 'number' && entry.kind === 'extension.asked' && entry.atMs - one <= crossedWithinMs) {
          tally.count('extensions that were asked for as the grant ended');
        } else {
          tally.bad(
            entry,
            typeof one === 'number' ? 'The request was over by then.' : 'Its request is not in this file.',
          );
        }
      }
    },
    finish() {
      for (const { entry, why } of late.values()) {
        const over = typeof cases.of(entry.subject) === 'number';
        if (over && newestAt - entry.atMs > takenBackWithinMs) tally.bad(entry, `${why} And nobody took it back.`);
        else tally.count('words that came too late and are not taken back yet');
      }
    },
  };
}

/** Kinds that move a request, and so need one. */
const moving: ReadonlySet<string> = new Set([
  'request.opened',
  'decision.made',
  'claim.accepted',
  'grant.made',
  'grant.failed',
  'grant.ended',
  'request.closed',
  'extension.asked',
  'extension.made',
]);

const wasAsked = ({ asked }: Case, ...causes: readonly string[]): boolean =>
  causes.length === 0 ? asked.length > 0 : asked.some(({ cause }) => causes.includes(cause));

/** The end of what was never held. @returns why it cannot have ended so */
function closeBy(one: Case, outcome: Outcome): string | undefined {
  if (one.state.kind === 'closed') return one.state.outcome === outcome ? undefined : `It was ${one.state.outcome}.`;
  // NB. A claim that its Workflow refused moved nothing: the request was as it had been before.
  if (one.state.kind === 'granting' && !one.claimRefused && !wasAsked(one)) return 'It was claimed, and never revoked.';
  if (one.state.kind === 'active' || one.state.kind === 'revoking')
    return 'It was held, and no receipt says that it ended.';
  switch (outcome) {
    case 'lapsed':
    // An operator's word to Temporal, or its loss: nothing is asked of anybody before.
    case 'cancelled':
    case 'failed':
      return undefined;
    case 'withdrawn':
      return wasAsked(one) ? undefined : 'Nobody asked for its end.';
    case 'denied':
      return 'Nobody denied it.';
    default:
      return `It was never held, and cannot have ended as ${outcome}.`;
  }
}

/** The end of what was held, or may have been. @returns why it cannot have ended so */
function endBy(one: Case, outcome: Outcome): string | undefined {
  const { kind } = one.state;
  if (kind !== 'granting' && kind !== 'active' && kind !== 'revoking') return `This request is ${kind}.`;
  switch (outcome) {
    case 'expired':
      return one.grant ? undefined : 'It was never granted, so it cannot have run out.';
    case 'released':
      return wasAsked(one, 'released', 'withdrawn') ? undefined : 'Its holder never asked for its end.';
    case 'revoked':
      return wasAsked(one) ? undefined : 'Nobody asked for its end.';
    case 'failed':
    case 'cancelled':
      return undefined;
    default:
      return `What was held does not end as ${outcome}.`;
  }
}
