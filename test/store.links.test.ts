import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PersonId } from '../domain/ids.ts';
import { entriesOf } from '../store/audit.ts';
import * as linkCodes from '../store/link-codes.ts';
import type { SlackAccount } from '../store/link-codes.ts';
import * as people from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import { addPerson } from './support/store-sample.ts';
import { startStore, type TestStore } from './support/store.ts';

let store: TestStore;
let directory: Store;
let api: Store;
beforeAll(async () => {
  store = await startStore();
  directory = store.as.curfew_directory;
  api = store.as.curfew_api;
});
afterAll(() => store.end());

const dayMs = 24 * 3_600_000;
let count = 0;
const newAccount = (): SlackAccount => ({ team: 'T1', user: `U${(count += 1)}` });
const person = (change: Partial<people.PersonChange> = {}): Promise<PersonId> =>
  addPerson(directory, `someone-${(count += 1)}`, change);
const approvesFrom = async ({ team, user }: SlackAccount): Promise<number | null | undefined> =>
  (await people.linkOf(api, team, user))?.approvesFromAt;

async function codeFor(who: PersonId, expiresAt = Date.now() + dayMs): Promise<Buffer> {
  const hash = randomBytes(32);
  await directory.transaction((tx) => linkCodes.mint(tx, { hash, person: who, expiresAt }));
  return hash;
}
const use = (hash: Buffer, account: SlackAccount): Promise<linkCodes.UsedCode> =>
  api.transaction((tx) => linkCodes.use(tx, hash, account));
const settle = (link: string, by: SlackAccount, verdict: 'approve' | 'deny') =>
  api.transaction((tx) => linkCodes.settle(tx, link, by, verdict));

/** A person with one account whose word counts, and another one that waits. */
async function waiting() {
  const old = newAccount();
  const who = await person({ slack: [old] });
  const added = newAccount();
  const used = await use(await codeFor(who), added);
  if (used.kind !== 'linked') return expect.fail(used.kind);
  return { who, old, added, link: used.link };
}

test('a code links the account that types it, once, and the entry carries no Slack id', async () => {
  const who = await person();
  const account = newAccount();
  const hash = await codeFor(who);
  const used = await use(hash, account);
  expect(used).toMatchObject({ kind: 'linked', person: who, approvesFromAt: null });
  expect(await people.linkOf(api, account.team, account.user)).toEqual({ person: who, approvesFromAt: null });
  expect(await use(hash, newAccount())).toEqual({ kind: 'unknown' });
  const made = (await entriesOf(store.as.curfew_auditor, who)).filter(({ kind }) => kind === 'link.made');
  expect(made).toMatchObject([{ actor: who, login: 'curfew_api' }]);
  expect(made[0]?.bytes.toString('utf8')).not.toContain(account.user);
});

test('a code that expired, or that nobody made, links nobody', async () => {
  const account = newAccount();
  expect(await use(await codeFor(await person(), Date.now() - 1), account)).toEqual({ kind: 'unknown' });
  expect(await use(randomBytes(32), account)).toEqual({ kind: 'unknown' });
  expect(await people.linkOf(api, account.team, account.user)).toBeUndefined();
  const who = await person();
  const made = api.transaction((tx) => linkCodes.mint(tx, { hash: randomBytes(32), person: who, expiresAt: 0 }));
  await expect(made).rejects.toMatchObject({ sqlstate: '42501' });
});

test('an account that is somebody’s is taken from nobody by a code, and the code stays good', async () => {
  const account = newAccount();
  const [holder, other] = [await person({ slack: [account] }), await person()];
  const hash = await codeFor(other);
  expect(await use(hash, account)).toEqual({ kind: 'taken', person: holder });
  expect(await use(hash, newAccount())).toMatchObject({ kind: 'linked', person: other });
});

test('twenty who type one code at once: one account is linked', async () => {
  const hash = await codeFor(await person());
  const answers = await Promise.all(Array.from({ length: 20 }, () => use(hash, newAccount())));
  expect(answers.filter(({ kind }) => kind === 'linked')).toHaveLength(1);
});

test('an account that is added by a code approves nothing for a day', async () => {
  const { added, old } = await waiting();
  const from = (await approvesFrom(added)) ?? expect.fail('it does not wait');
  expect(from - Date.now()).toBeGreaterThan(dayMs - 60_000);
  expect(from - Date.now()).toBeLessThanOrEqual(dayMs + 60_000);
  expect(await approvesFrom(old)).toBeNull();
});

test('an account that an import puts in place of another waits too, also after a time without any', async () => {
  const [first, second, third] = [newAccount(), newAccount(), newAccount()];
  const who = await person({ slack: [first] });
  const handle = (await people.show(directory, who))?.handle ?? expect.fail('nobody');
  const say = (version: number, slack: readonly SlackAccount[]) =>
    directory.transaction((tx) => people.apply(tx, { handle, version, slack }, 'curfew_directory'));
  await say(2, [second]);
  expect(await approvesFrom(first)).toBeUndefined();
  expect(await approvesFrom(second)).toBeGreaterThan(Date.now());
  await say(3, []);
  await say(4, [third]);
  expect(await approvesFrom(third)).toBeGreaterThan(Date.now());
});

test('an account of another entry of the same human waits too (I6)', async () => {
  const who = await person({ slack: [newAccount()] });
  const account = newAccount();
  await person({ aliases: [who], slack: [] }).then(async (second) => use(await codeFor(second), account));
  expect(await approvesFrom(account)).toBeGreaterThan(Date.now());
});

test('no login says by itself that an account need not wait', async () => {
  const { who } = await waiting();
  const lie = `insert into curfew.personal (kind, id, person, slack_team, slack_user, salt, approves_from)
    values ('link', 'lie', $1, 'T9', 'U9', '', null)`;
  await directory.query(lie, [who]);
  expect(await approvesFrom({ team: 'T9', user: 'U9' })).toBeGreaterThan(Date.now());
});

test('the old account lets the new one approve at once', async () => {
  const { who, old, added, link } = await waiting();
  expect(await linkCodes.waitingLink(api, link)).toMatchObject({ person: who });
  expect(await linkCodes.settled(api, who)).toEqual([old]);
  expect(await settle(link, old, 'approve')).toEqual({ person: who });
  expect(await approvesFrom(added)).toBeNull();
  expect(await settle(link, old, 'deny')).toBeUndefined();
  expect(await linkCodes.waitingLink(api, link)).toBeUndefined();
});

test('the old account takes the new one away', async () => {
  const { old, added, link } = await waiting();
  await settle(link, old, 'deny');
  expect(await approvesFrom(added)).toBeUndefined();
});

test('neither the new account nor a stranger’s nor another that waits settles a link', async () => {
  const { who, added, link } = await waiting();
  const stranger = newAccount();
  await person({ slack: [stranger] });
  const third = newAccount();
  await use(await codeFor(who), third);
  for (const by of [added, stranger, third, newAccount()]) {
    expect(await settle(link, by, 'approve')).toBeUndefined();
    expect(await settle(link, by, 'deny')).toBeUndefined();
  }
  expect(await approvesFrom(added)).toBeGreaterThan(Date.now());
});

const told = async (who: PersonId) => (await people.profiles(api, [who])).get(who)?.slackUser;

test('what concerns a person goes to the account that they had, never to one that was linked beside it', async () => {
  const old = { team: 'T1', user: `UZ${(count += 1)}` };
  const who = await person({ slack: [old] });
  const used = await use(await codeFor(who), { team: 'T1', user: `UA${(count += 1)}` });
  expect(used).toMatchObject({ kind: 'linked', approvesFromAt: expect.any(Number) });
  expect(await told(who)).toBe(old.user);
  // Nor once its day is over without a word of the old one.
  await store.admin.query(
    `update curfew.personal set approves_from = clock_timestamp() - interval '1 minute'
     where kind = 'link' and person = $1 and approves_from is not null`,
    [who],
  );
  expect(await told(who)).toBe(old.user);
});
