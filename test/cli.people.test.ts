/** `curfew people`: leaving now and later, what is shown of somebody, and all that an import does. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { dayMs, hourMs, minuteMs } from '../domain/time.ts';
import { settleDue } from '../service/due.ts';
import { entriesOf } from '../store/audit.ts';
import { approved, opened, startCompany, type Company } from './support/company.ts';
import { eventually } from './support/eventually.ts';
import { addPerson } from './support/store-sample.ts';
import { curfew, type Ran } from './support/terminal.ts';

let company: Company;
beforeAll(async () => {
  company = await startCompany();
});
afterAll(() => company?.end());
beforeEach(() => company.restore());

type Options = { readonly answer?: string; readonly files?: Readonly<Record<string, string>> };
const run = (words: readonly string[], options: Options = {}): Promise<Ran> =>
  curfew(['people', ...words], {
    env: { CURFEW_DIRECTORY_STORE_URL: company.store.url('curfew_directory') },
    ...options,
  });
const stateOf = async (handle: string) =>
  (await company.store.admin.query<{ state: string }>('select state from curfew.person where handle = $1', [handle]))[0]
    ?.state;
let counter = 0;
async function somebody(change: Parameters<typeof addPerson>[2] = {}): Promise<string> {
  const handle = `person-${(counter += 1)}`;
  await addPerson(company.store.as.curfew_directory, handle, change);
  return handle;
}
/** Somebody who may ask for things: what an operator says of them holds for the tests that follow. */
async function engineer(): Promise<{ readonly handle: string; readonly id: PersonId }> {
  const handle = `engineer-${(counter += 1)}`;
  const groups = [{ name: 'engineers' }];
  return { handle, id: await addPerson(company.store.as.curfew_directory, handle, { groups }) };
}
/** The reaper's word that nothing is left of what was asked for. */
const reaped = () =>
  company.store.as.curfew_reaper.query(
    `insert into curfew.revoke_outcome (intent_id, target, evidence)
     select i.id, t.name, '{}' from curfew.revoke_intent i, unnest($1::text[]) as t (name)
     where (i.target is null or i.target = t.name)
       and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name)`,
    [company.ctx.targets.map(({ name }) => name)],
  );

test.each([['import'], ['list'], ['show'], ['link'], ['leave'], ['pull']])(
  'people %s has a help with an example',
  async (name) => {
    const ran = await run([name, '--help']);
    expect([ran.code, ran.out]).toEqual([0, expect.stringMatching(/Examples:\n {2}curfew people/)]);
  },
);

const at = (ms: number): string =>
  new Date(Math.floor((Date.now() + ms) / 1_000) * 1_000).toISOString().replace('.000', '');

describe('curfew people leave', () => {
  test('says what would end, asks, and does nothing without a yes', async () => {
    const { handle, id } = await engineer();
    await opened(company, { person: id });
    const ran = await run(['leave', handle], { answer: 'no' });
    expect(ran).toMatchObject({
      code: 1,
      err: expect.stringContaining('0 live grants and 1 open requests end. Go on?'),
    });
    expect(await run(['leave', handle])).toMatchObject({ code: 2, err: expect.stringContaining('give --yes') });
    expect(await stateOf(handle)).toBe('active');
    expect((await run(['leave', handle, '--wait', '0'], { answer: 'yes' })).code).toBe(0);
    expect(await stateOf(handle)).toBe('left');
  });

  test('waits until nothing of theirs is left, and says after how long', async () => {
    const { handle, id } = await engineer();
    const requestId = await approved(company, { person: id });
    const running = run(['leave', handle, '--yes', '--wait', '30s']);
    await eventually('it waits', async () => (await stateOf(handle)) === 'left');
    await reaped();
    await company.store.admin.query(
      `update curfew.projection set state = 'closed', outcome = 'withdrawn',
         view = jsonb_set(view, '{state}', '{"kind": "closed", "outcome": "withdrawn", "cause": "x"}') where request_id = $1`,
      [requestId],
    );
    expect(await running).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^engineer-\d+ is left\. 1 open requests end.*\nSafe after \d+ ms/),
    });
  });

  test('ends with 1 where it is not safe in time, and goes on without the command', async () => {
    const { handle, id } = await engineer();
    const requestId = await approved(company, { person: id });
    const ran = await run(['leave', handle, '--suspended', '--yes', '--wait', '1s', '--json']);
    expect([ran.code, JSON.parse(ran.out)]).toMatchObject([
      1,
      { state: 'suspended', safe: false, requests: [requestId] },
    ]);
  });

  test('from an instant on is kept until then, replaced by another one, and shown meanwhile', async () => {
    const handle = await somebody();
    const first = await run(['leave', handle, '--at', at(dayMs), '--yes', '--because', 'notice given']);
    expect(first).toMatchObject({ code: 0, out: expect.stringContaining(`is left from ${at(dayMs).slice(0, 16)}`) });
    const second = await run(['leave', handle, '--at', at(2 * hourMs), '--yes', '--json']);
    expect(JSON.parse(second.out)).toMatchObject({ change: 'later', state: 'left' });
    const shown = JSON.parse((await run(['show', handle, '--json'])).out) as { due: unknown[]; because: unknown };
    expect(shown).toMatchObject({
      state: 'active',
      due: [{ source: 'operator', state: 'left' }],
      because: ['notice given'],
    });
    company.now = Date.now() + 2 * hourMs + minuteMs;
    expect(await settleDue(company.ctx)).toBe(1);
    expect(await stateOf(handle)).toBe('left');
  });

  test('takes no instant without a zone, no long wait and no empty reason', async () => {
    for (const words of [
      ['--at', '2026-12-01'],
      ['--at', 'tomorrow'],
      ['--wait', 'soon'],
      ['--because', ' '],
    ])
      expect((await run(['leave', 'eve', '--yes', ...words])).code).toBe(2);
    expect((await run(['leave', 'nobody-here', '--yes'])).code).toBe(1);
    expect(await stateOf('eve')).toBe('active');
  });

  test('why somebody left stands in the one erasable table, and not in the audit log (I12)', async () => {
    const handle = await somebody();
    await run(['leave', handle, '--yes', '--wait', '0', '--because', 'a canary reason']);
    const [row] = await company.store.admin.query<{ id: string }>('select id from curfew.person where handle = $1', [
      handle,
    ]);
    expect(JSON.stringify(await entriesOf(company.store.admin, row?.id ?? ''))).not.toContain('canary');
    expect((await run(['show', handle])).out).toContain('because  a canary reason');
  });
});

test('show tells who says what of somebody, and what they hold', async () => {
  const boss = await somebody();
  const handle = await somebody({ groups: [{ name: 'red' }], slack: [{ team: 'T1', user: 'U91' }] });
  await addPerson(company.store.as.curfew_directory, handle, { source: 'hr', version: 3, state: 'suspended' });
  await addPerson(company.store.as.curfew_directory, handle, {
    version: 9,
    manager:
      (await company.store.admin.query<{ id: never }>('select id from curfew.person where handle = $1', [boss]))[0]
        ?.id ?? null,
  });
  const { out } = await run(['show', handle]);
  expect(out).toMatch(new RegExp(`^${handle}: `));
  for (const line of [
    'state    suspended, since ',
    '         suspended, says hr',
    '         active, says operator',
    'groups   red (operator)',
    `manager  ${boss}`,
    'Slack    T1/U91',
    'holds    -',
    'later    -',
  ])
    expect(out).toContain(line);
});

const person = (handle: string, more = '') =>
  `  - { handle: ${handle}, name: N, email: ${handle}@acme.example${more} }\n`;
const imports = (...people: string[]) =>
  run(['import', 'people.yaml', '--json'], { files: { 'people.yaml': `people:\n${people.join('')}` } });

describe('curfew people import', () => {
  test('does at once what follows for whoever it says has gone', async () => {
    const { handle, id } = await engineer();
    const requestId = await approved(company, { person: id });
    const ran = await imports(person(handle, ', state: left'));
    expect([ran.code, JSON.parse(ran.out)]).toEqual([0, { people: 1, created: 0, changed: 1, gone: 1 }]);
    const intents = await company.store.admin.query('select 1 from curfew.revoke_intent where request_id = $1', [
      requestId,
    ]);
    expect(intents).toHaveLength(1);
    const told = await company.store.admin.query<{ kind: string }>(
      `select kind from curfew.outbox where payload ->> 'personId' = $1 or payload ->> 'requestId' = $2`,
      [id, requestId],
    );
    expect(told.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['leave', 'revoke']));
  });

  test('is all or nothing: where one of a file cannot be taken, nobody of it has gone', async () => {
    const [one, other] = [await somebody({ slack: [{ team: 'T1', user: 'U92' }] }), await somebody()];
    const ran = await imports(
      person(one, ', state: left'),
      person(other, ', slack: { team: T1, user: U91X }'),
      person('fresh-one', ', slack: { team: T1, user: U92 }'),
    );
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining('linked to another person') });
    expect([await stateOf(one), await stateOf('fresh-one')]).toEqual(['active', undefined]);
  });
});
