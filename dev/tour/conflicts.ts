/** What nobody combines: who has one power is refused the other, at the click and already in the import. */
import { must } from './report.ts';
import { peopleWith } from './people.ts';
import { cardSays, refusedWord } from './review.ts';
import type { Stage } from './stage.ts';

/**
 * An access controller and an auditor are on call for payments, which would let them decide on an incident's request;
 * what they are otherwise forbids it. An import that puts somebody into both groups changes nothing.
 * @returns with the request that still waits
 */
export async function conflictRefused(stage: Stage, incident: string) {
  const shifts = ['noor', 'rafael'].map(
    (who) => `  - { person: ${who}, from: ${instant(-60)}, until: ${instant(60)} }`,
  );
  const file = await stage.file('shifts.yaml', `schedule: payments\nshifts:\n${shifts.join('\n')}\n`);
  const imported = await stage.curfew(['oncall', 'import', file]);
  must(imported.code === 0, `curfew oncall import: ${imported.err}`);
  const requestId = await stage.ask('jonas', `orders-prod write 10m because ${incident} checkout loses orders`);
  await cardSays(stage, requestId, /owners or on-call: 0 of 1/);
  const controller = await refusedWord(stage, 'noor', requestId, 'ApproverNotEligible');
  const auditor = await refusedWord(stage, 'rafael', requestId, 'ApproverNotEligible');
  must(
    /access controllers/.test(controller.told) && /auditors/.test(auditor.told),
    `${controller.told} ${auditor.told}`,
  );
  return { requestId, controller, auditor, twoHats: await twoHats(stage) };
}

async function twoHats(stage: Stage) {
  const text = peopleWith({
    of: 'kwame',
    from: 'groups: [data-owners, data-owners-payments]',
    to: 'groups: [data-owners, data-owners-payments, access-controllers]',
  });
  const before = await groupsOf(stage, 'kwame');
  const { code, err } = await stage.curfew(['people', 'import', await stage.file('two-hats.yaml', text)]);
  const refusal = err.split('\n').find((line) => line.includes('one hat'));
  must(code !== 0 && refusal !== undefined, `the import ended with ${code}: ${err}`);
  const after = await groupsOf(stage, 'kwame');
  must(before === after, `kwame is in ${after} now`);
  return { exit: code, refusal: refusal.replace(/^.*two-hats/, 'two-hats'), groups: after };
}

async function groupsOf({ inStore }: Stage, handle: string): Promise<string> {
  const [row] = await inStore<{ groups: string }>(
    `select string_agg(g.name, ' ' order by g.name) as groups from curfew.person p
     join curfew.person_group g on g.person = p.id where p.handle = $1`,
    [handle],
  );
  return row?.groups ?? '';
}

const instant = (minutes: number): string => `${new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 19)}Z`;
