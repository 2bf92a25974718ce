/** On the real stack: what the log says of a story is all that its plans and digests are made of, once, and nobody's name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEntry } from '../domain/events.ts';
import { sentenceOf } from '../domain/events/sentence.ts';
import type { PersonId, RequestId } from '../domain/ids.ts';
import { digestOf, evidenceHash, extensionDigestOf, planHash } from '../policy/digest.ts';
import { parsePolicy } from '../policy/parse.ts';
import { givenToWhomever, planFor } from '../policy/plan.ts';
import { release } from '../dev/tour/holding.ts';
import { personalIn } from '../dev/tour/personal.ts';
import { writtenIn } from '../dev/tour/proofs.ts';
import { actions, blocks } from '../slack/ids.ts';
import { openTheatre, type Theatre } from './support/stage.ts';

let stage: Theatre;
beforeAll(async () => {
  stage = await openTheatre();
}, 600_000);
afterAll(() => stage?.end());

const entriesOf = (subject: string) =>
  stage.inStore<AuditEntry & { readonly login: string }>(
    `select kind, actor, subject, login, convert_from(body, 'UTF8')::json as body from audit.entry
     where subject = $1 order by id`,
    [subject],
  );
const all = () =>
  stage.inStore<AuditEntry>(
    `select kind, actor, subject, convert_from(body, 'UTF8')::json as body from audit.entry order by id`,
  );
const policyOf = async (hash: string) => {
  const [row] = await stage.inStore<{ text: string }>('select text from curfew.policy_version where hash = $1', [hash]);
  const parsed = parsePolicy(row?.text ?? '');
  if (!parsed.ok) throw new Error('the policy of an entry does not parse');
  return parsed.policy;
};
/** What its own Workflow and people did, without what others add to it whenever they come to it. */
const own = (kinds: readonly string[]) => kinds.filter((kind) => !/^(?:alarm|reaper|history|session)\./.test(kind));

test('a request that is approved, held, extended and given back has one entry a change, in their order (I11)', async () => {
  const requestId = await stage.ask('amara', 'orders-prod read 10m because INC-12 slow checkout');
  await stage.openReview('amara', requestId);
  await stage.driver.submit('amara', { [actions.verdict]: 'approve' });
  await stage.driver.close('amara');
  await stage.approve('elif', requestId);
  const login = await stage.login('amara', requestId);
  const session = await stage.connect(login);
  session.on('error', () => undefined);
  await stage.pressDm('amara', requestId, actions.extend);
  await stage.waitFor('the later end', async () =>
    (await entriesOf(requestId)).some(({ kind }) => kind === 'extension.made'),
  );
  await release(stage, 'amara', requestId);
  await stage.is(requestId, 'closed');
  expect(own((await entriesOf(requestId)).map(({ kind }) => kind))).toEqual([
    'request.opened',
    'decision.refused',
    'decision.made',
    'code.minted',
    'claim.accepted',
    'grant.made',
    'extension.asked',
    'extension.made',
    'end.asked',
    'grant.ended',
  ]);
}, 600_000);

test('a request that is denied, and one that a leaver held, have theirs, and the checker finds each row in the log (I9, I11)', async () => {
  const denied = await stage.ask('jonas', 'orders-prod read 10m because a report of last week is wrong');
  await stage.openReview('kwame', denied);
  const word = { [actions.verdict]: 'deny', [blocks.why]: 'ask again with a ticket of the report' };
  expect((await stage.driver.submit('kwame', word)).errors).toEqual({});
  await stage.is(denied, 'closed');
  const requestId = await stage.ask('mei', 'models-prod read 10m because checking label drift');
  await stage.login('mei', requestId);
  await stage.is(requestId, 'active');
  const gone = await stage.curfew(['people', 'leave', 'mei', '--yes']);
  expect(gone.code, gone.err).toBe(0);
  await stage.is(requestId, 'closed', 60_000);
  expect(own((await entriesOf(denied)).map(({ kind }) => kind))).toEqual([
    'request.opened',
    'decision.made',
    'request.closed',
  ]);
  expect(own((await entriesOf(requestId)).map(({ kind }) => kind))).toEqual([
    'request.opened',
    'code.minted',
    'claim.accepted',
    'grant.made',
    'end.asked',
    'grant.ended',
  ]);
  await stage.settled();
  expect((await stage.findings()).filter(({ invariant }) => invariant === 'I11')).toEqual([]);
}, 600_000);

test('the plan and the digest of every request and extension follow from its entry alone, and the hashes are of the receipts', async () => {
  const entries = await all();
  let [requests, extensions] = [0, 0];
  for (const entry of entries) {
    if (entry.kind === 'request.opened') {
      const { reason, policy: hash, facts, plan, openedAt, ...body } = entry.body;
      const fields = { ...body, requestId: entry.subject as RequestId, requester: entry.actor as PersonId };
      expect(digestOf({ ...fields, plan, reasonHash: reason })).toBe(body.digest);
      const again = planFor(await policyOf(hash), { ...body, requester: facts.requester }, facts.people, openedAt);
      expect(planHash(again.plan)).toBe(planHash(plan));
      requests += 1;
    }
    if (entry.kind === 'extension.asked') {
      const { extension, reason, plan, digest, endAt, judgedMs, askedAt, facts } = entry.body;
      const of = entries.find(({ kind, subject }) => kind === 'request.opened' && subject === entry.subject);
      if (of?.kind !== 'request.opened') throw new Error('an extension of nothing');
      const said = { extensionId: extension, request: of.body.digest, endAt, reasonHash: reason, plan };
      expect(extensionDigestOf(said)).toBe(digest);
      const ask = { ...of.body, requester: facts.requester, durationMs: judgedMs, startAt: null };
      const given = givenToWhomever(planFor(await policyOf(plan.policy), ask, facts.people, askedAt));
      expect(given && planHash(given.plan)).toBe(planHash(plan));
      extensions += 1;
    }
    if (entry.kind !== 'grant.made' && entry.kind !== 'grant.ended') continue;
    const [receipt] = await stage.inStore<{ body: object }>(
      'select body from curfew.receipt where request_id = $1 and kind = $2',
      [entry.subject, entry.kind === 'grant.made' ? 'grant' : 'revoke'],
    );
    expect(evidenceHash(receipt?.body ?? {})).toBe(entry.body.receipt);
  }
  expect([requests, extensions]).toEqual([3, 1]);
});

test('every entry is a sentence, and none has a name, an e-mail address, a Slack account, a handle or a word of anybody (I12)', async () => {
  for (const entry of await all()) {
    const text = sentenceOf(entry);
    expect(text).toMatch(/^\S.*\.$/);
    expect(text).not.toContain(`wrote "${entry.kind}"`);
  }
  const requests = await stage.inStore<{ id: string }>('select id from curfew.request');
  const { audit, histories } = await writtenIn(
    stage,
    requests.map(({ id }) => id),
  );
  const { sought, found } = await personalIn(stage, { audit, histories });
  expect(found).toEqual([]);
  expect(sought).toBeGreaterThan(60);
  // Were it there, it would be found.
  const [{ name } = { name: '' }] = await stage.inStore<{ name: string }>(
    `select name from curfew.personal where kind = 'person' limit 1`,
  );
  expect((await personalIn(stage, { audit: `amara said: ${name}` })).found).toEqual([
    'a name in audit',
    'a handle in audit',
  ]);
});
