/** Every view can be read without pictures or colour, by ear too; and is valid, whatever people wrote into it. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestStatus } from '../service/contract.ts';
import { validateMessage, validateView } from '../slack/blocks.ts';
import { refusalText } from '../slack/refusals.ts';
import { mrkdwn } from '../slack/text.ts';
import { askForm } from '../slack/views/ask.ts';
import { extendForm } from '../slack/views/extend.ts';
import { extensionForm } from '../slack/views/extension-review.ts';
import { breakGlassForm } from '../slack/views/emergency.ts';
import { findingsForm } from '../slack/views/findings.ts';
import { homeView, strangersHome } from '../slack/views/home.ts';
import type { Content, Home, Modal } from '../slack/views/message.ts';
import { readMetadata } from '../slack/views/metadata.ts';
import { mine, oneOf, whichOne } from '../slack/views/overview.ts';
import { paint } from '../slack/views/paint.ts';
import { reviewForm } from '../slack/views/review.ts';
import { claimLink, help, personalCode, told, toldInModal, toldModal } from '../slack/views/told.ts';
import { markupLeft, markupOf, nodesOf, turned, withoutSigns } from './support/slack-markup.ts';
import { anyModel, anyPeople, anyReview, anyText } from './support/slack-models.ts';
import { anyExtension, anyOverview, anyStatus } from './support/slack-statuses.ts';

const link = { url: 'https://curfew.example/#A', code: 'A', expiresAt: 1_700_000_000_000 };

type Shown = Content | Home | Modal;

/** Some views at once, of one set of things that could have happened. */
const messages = fc
  .tuple(anyModel, anyOverview, anyStatus, anyPeople, anyText)
  .map(([model, overview, status, people, text]): readonly Content[] => [
    ...paint(model),
    mine(overview, people),
    ...(['own', 'waiting', 'other'] as const).map((theirs) => oneOf(status, theirs, people)),
    whichOne(overview.grants),
    personalCode({ code: 'ABCD-EFGH', expiresAt: 1_700_000_000_000 }),
    claimLink(status.requestId, link),
    help(),
    help(mrkdwn`Said: ${text}`),
    told(refusalText({ kind: 'refusal', code: 'NotRecorded', message: text }, 'a1b2c3d4')),
  ]);

const views = fc
  .tuple(anyReview, anyExtension, anyOverview, anyStatus, anyPeople, anyText)
  .map(([review, extension, overview, status, people, text]): readonly (Home | Modal)[] => [
    reviewForm(review, people),
    extensionForm(extension, people),
    homeView(overview, people),
    homeView(overview, people, true),
    breakGlassForm([{ target: 'orders-prod', roles: [{ role: 'write', note: text, maxMs: status.durationMs }] }]),
    strangersHome(),
    extendForm(status, mrkdwn`Said: ${text}`),
    findingsForm(status, people),
    asked(status, text),
    toldModal('Recorded', mrkdwn`Said: ${text}`),
    toldInModal(claimLink(status.requestId, link)),
  ]);

const asked = ({ target, durationMs, openedAt }: RequestStatus, text: string): Modal =>
  askForm({
    offers: [{ target: 'orders-prod', roles: [{ role: 'read', note: text, maxMs: durationMs }] }],
    prefill: { target, durationMs, reason: text, ticket: text, startAt: openedAt },
    problem: mrkdwn`Said: ${text}`,
    preview: [mrkdwn`Said: ${text}`, mrkdwn`Said: ${text}`],
  });

const runs = { numRuns: 60 };
const each = (check: (shown: Shown) => void): void => {
  fc.assert(
    fc.property(messages, (all) => all.forEach(check)),
    runs,
  );
  fc.assert(
    fc.property(views, (all) => all.forEach(check)),
    runs,
  );
};

describe('every message and view', () => {
  test('is one that Slack takes, and holds no markup of anybody', () => {
    each((shown) => {
      expect('type' in shown ? validateView(shown) : validateMessage(shown)).toEqual([]);
      for (const text of [...markupOf(shown.blocks), ...('text' in shown ? [shown.text] : [])]) {
        expect(markupLeft(text), text.slice(0, 200)).toBeUndefined();
      }
      expect(turned(shown.blocks)).toBe(false);
    });
  });

  test('is read to those who see no blocks as whole words, not as a sign', () => {
    each((shown) => {
      const text = 'text' in shown ? shown.text : shown.type === 'modal' ? shown.title.text : 'App Home';
      expect(withoutSigns(text)).toMatch(/\p{L}{2,}/u);
    });
  });

  test('says nothing by a sign alone', () => {
    each((shown) => {
      for (const text of markupOf(shown.blocks)) expect(withoutSigns(text), text).not.toBe('');
      for (const node of nodesOf(shown.blocks)) if (node['type'] === 'image') expect(node['alt_text']).toMatch(/\S/);
    });
  });

  test('names every control, says what belongs into it, and asks before what cannot be undone', () => {
    each((shown) => {
      for (const node of nodesOf(shown.blocks)) {
        const says = (name: string) => (node[name] as { readonly text?: string } | undefined)?.text ?? '';
        if (node['type'] === 'input') expect(says('label')).toMatch(/\p{L}{2,}/u);
        if (placeholding.has(String(node['type']))) expect(says('placeholder')).toMatch(/\S/);
        if (node['type'] === 'button') expect(says('text')).toMatch(/\p{L}{2,}/u);
        if (node['style'] === 'danger' && node['type'] === 'button') expect(node['confirm']).toBeDefined();
      }
    });
  });

  test('tells the same buttons of several requests apart by ear', () => {
    fc.assert(
      fc.property(anyOverview, anyPeople, (overview, people) => {
        for (const shown of [homeView(overview, people), mine(overview, people)]) {
          for (const node of nodesOf(shown.blocks)) {
            if (node['type'] === 'button' && node['value'] !== undefined)
              expect(node['accessibility_label']).toMatch(/\S/);
          }
        }
      }),
      runs,
    );
  });
});

const placeholding: ReadonlySet<string> = new Set(['plain_text_input', 'static_select', 'external_select']);

test('Review of an extension carries back its id and its own digest (I7)', () => {
  fc.assert(
    fc.property(anyExtension, anyPeople, (model, people) => {
      expect(readMetadata(extensionForm(model, people).private_metadata ?? '')).toEqual({
        requestId: model.request.requestId,
        extensionId: model.extensionId,
        digest: model.digest,
      });
    }),
    { numRuns: 30 },
  );
});

test('Review shows what is added to what the requester can do now, before all that the template allows', () => {
  fc.assert(
    fc.property(anyReview, anyPeople, (review, people) => {
      const model = { ...review, privileges: { checkedAt: 0, lines: ['SELECT', 'DELETE'] }, adds: ['DELETE'] };
      const shown = JSON.stringify(reviewForm(model, people).blocks);
      expect(shown).toMatch(/Adds to what .*- DELETE.*All that it allows.*- SELECT/);
    }),
    { numRuns: 30 },
  );
});
