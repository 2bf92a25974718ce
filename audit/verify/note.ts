import type { Decision } from '../../domain/decision.ts';
import type { DecisionId, ExtensionId } from '../../domain/ids.ts';
import { isRefusal } from '../../domain/errors.ts';
import { next } from '../../domain/request.ts';
import type { PlacedEntry } from '../entry-line.ts';
import {
  textIn,
  type Case,
  type Cases,
  type ClaimBody,
  type DecisionBody,
  type ExtensionAskedBody,
  type ExtensionDecidedBody,
  type GrantBody,
  type OpenedBody,
  type ReaperEndedBody,
  type Word,
} from './case.ts';
import { isNothingLeft, noteAlarm } from './late.ts';
import { firstState } from './legal.ts';

/** Writes down what an entry says of its request, before anybody judges it. Throws where a body is not of its kind. */
export function note(cases: Cases, entry: PlacedEntry): void {
  if (entry.kind === 'request.opened') {
    if (cases.of(entry.subject) !== undefined) return;
    const body = entry.body as unknown as OpenedBody;
    const state = next(firstState(body), { kind: 'opened' });
    if (!isRefusal(state)) cases.open(entry, body, state);
    return;
  }
  const one = cases.of(entry.subject);
  if (one && typeof one !== 'number') noteOf(one, entry);
}

function noteOf(one: Case, entry: PlacedEntry): void {
  const { body, atMs } = entry;
  switch (entry.kind) {
    case 'decision.made': {
      // NB. An id stands for one word and for one extension: whoever says it again says nothing (check 2 names it).
      const word = wordOf(entry, body as unknown as DecisionBody, one.id);
      if (!one.words.has(word.decision.id)) one.words.set(word.decision.id, word);
      return;
    }
    case 'decision.voided': {
      const word = one.words.get(textIn(entry, 'decision') as DecisionId);
      if (word) word.voided = { atMs, cause: textIn(entry, 'cause') };
      return;
    }
    case 'end.asked':
      one.asked.push({ cause: textIn(entry, 'cause'), atMs });
      if (typeof body['refused'] === 'string') one.claimRefused = true;
      return;
    case 'condition.ended':
      one.asked.push({ cause: 'condition', atMs });
      return;
    case 'claim.accepted':
      one.claim ??= { entry, body: body as unknown as ClaimBody };
      return;
    case 'grant.made':
      one.grant = { entry, body: body as unknown as GrantBody };
      return;
    case 'reaper.ended': {
      const { verifiedAt, nodes } = body as unknown as ReaperEndedBody;
      if (!isNothingLeft(nodes)) return;
      one.safeAt = Math.min(one.safeAt ?? Infinity, verifiedAt, atMs);
      one.reaped.push(entry);
      return;
    }
    case 'alarm.raised':
    case 'alarm.resolved':
      noteAlarm(one.alarms, entry);
      return;
    case 'extension.asked': {
      const asked = body as unknown as ExtensionAskedBody;
      if (!one.extensions.has(asked.extension)) one.extensions.set(asked.extension, { entry, asked, words: [] });
      return;
    }
    case 'extension.made':
    case 'extension.failed': {
      const extension = one.extensions.get(textIn(entry, 'extension') as ExtensionId);
      if (extension) extension.came ??= entry;
      return;
    }
    case 'extension.decided': {
      const decided = body as unknown as ExtensionDecidedBody;
      one.extensions.get(decided.extension)?.words.push(wordOf(entry, decided, one.id));
      return;
    }
  }
}

function wordOf(entry: PlacedEntry, body: DecisionBody | ExtensionDecidedBody, requestId: Case['id']): Word {
  const { decision: id, digest, stage, verdict, facts, madeAt } = body;
  const decision: Decision = { id, requestId, digest, stage, person: facts.person.id, verdict, facts, madeAt };
  return { entry, decision, humans: [] };
}
