/** Whoever may only read the store holds up nobody who writes in it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { minuteMs } from '../domain/time.ts';
import * as findings from '../store/findings.ts';
import * as grants from '../store/grants.ts';
import * as onCall from '../store/on-call.ts';
import * as slackTurns from '../store/slack-turns.ts';
import { handleHash } from '../store/people-words.ts';
import {
  ask,
  claimed,
  click,
  ok,
  opened,
  policyText,
  startCompany,
  workerEnds,
  workerGrants,
  type Company,
} from './support/company.ts';
import { addPerson } from './support/store-sample.ts';
import { holdAll } from './support/turns.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

let people = 0;
const inOrder = () => ({ deleted: false, bot: false, restricted: false, stranger: false, readAt: company.now });

test.each(['curfew_auditor', 'curfew_collector', 'curfew_reaper'] as const)(
  'no lock that %s may hold keeps a decision, a claim, a record, a word on people or a policy waiting',
  async (login) => {
    const { store, use } = company;
    const { requestId } = await opened(company);
    const leaver = `leaver-${(people += 1)}`;
    const { curfew_worker: worker, curfew_directory: directory } = store.as;
    const ben = company.id('ben');
    const groups = ['engineers', 'responders'].map((name) => ({ name }));
    const responder = await addPerson(directory, `responder-${(people += 1)}`, { groups });
    await addPerson(directory, leaver, {});
    const due = `hr ${handleHash(leaver)}`;
    const keyed = ['request', 'claim_code', 'grant'].map((kind) => `curfew.${kind} ${requestId}`);
    const own = ['absence', 'personal_code', 'break-glass'].flatMap((kind) => [
      `curfew.${kind} ${responder}`,
      `curfew.${kind} ${ben}`,
    ]);
    const single = ['person', 'finding', 'policy_version', 'link_code'].map((kind) => `curfew.${kind}`);
    const more = [`curfew.person_due ${due}`, 'curfew.on_call_shift rota', 'curfew.slack_turn C1'];
    await store.as[login].transaction(async (tx) => {
      await holdAll(tx, [...keyed, ...own, ...single, ...more]);

      ok(await click(company, requestId, 'olga'));
      await claimed(company, requestId);
      await workerGrants(company, requestId, company.now + 30 * minuteMs);
      await workerEnds(company, requestId);
      const glass = {
        person: responder,
        kind: 'break-glass',
        role: 'write',
        ticket: 'INC-12',
        durationMs: minuteMs,
      } as const;
      ok(await use.open(ask(company, glass)));
      ok(await use.away({ person: ben, fromAt: company.now, untilAt: company.now + minuteMs, account: inOrder() }));
      ok(await use.personalCode({ person: ben, account: inOrder() }));

      const who = { handle: leaver };
      const said = { source: 'hr', who, state: 'left', actor: 'curfew_directory' } as const;
      const later = { ...said, event: randomUUID(), version: 1, effectiveAt: company.now + minuteMs };
      ok(await use.leave(later));
      ok(await use.leave({ ...said, event: randomUUID(), version: 2 }));
      await addPerson(directory, `newcomer-${(people += 1)}`, {});
      await directory.transaction((one) => onCall.replace(one, 'rota', []));

      const look = { look: `of ${login}`, found: [], whole: true };
      await worker.transaction((one) => findings.keep(one, look));
      await slackTurns.take(worker, { line: 'C1', key: randomUUID(), everyMs: 1, aheadMs: 1_000 });
      await company.applyPolicy(policyText((text) => text.replace('max: 4h', `max: ${people}h`)));
      await store.as.curfew_api.query(`select * from curfew.link_by_code('', 'T1', 'U1')`);
    });
    expect(Object.keys(await grants.receipts(store.admin, requestId)).toSorted()).toEqual(['grant', 'revoke']);
  },
);
