/** A person who has left is erased: nothing is left by which they can be known, and every proof still holds. */
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { holds, wholeLog, written } from './evidence.ts';
import { asWord } from './personal.ts';
import { writtenIn } from './proofs.ts';
import { must, type Report } from './report.ts';
import type { Stage } from './stage.ts';

/** She left with three grants, which ended with it. */
const handle = 'mei';

export async function erased(stage: Stage, { step }: Report): Promise<void> {
  await step('erased-person-still-verifies', async () => {
    const { person, requestId, values } = await known(stage);
    const before = await written(stage, 'before-erasure.zip', '--request', requestId);
    const because = 'asked for it, and nothing has to be kept';
    const ran = await stage.curfew(['people', 'erase', handle, '--because', because, '--yes']);
    must(ran.code === 0, `curfew people erase ended with ${ran.code}: ${ran.err}`);
    await signedThrough(stage, person);
    const after = await written(stage, 'after-erasure.zip', '--request', requestId);
    const whole = await written(stage, 'whole-after-erasure.zip', ...wholeLog);
    const places = { ...(await everything(stage, person)), evidence: await readFile(whole.path, 'latin1') };
    const left = Object.entries(places).flatMap(([place, text]) =>
      values.filter(({ is }) => is.test(text)).map(({ what }) => `${what} in ${place}`),
    );
    must(left.length === 0, left.join('; '));
    return {
      person,
      said: ran.out.trim(),
      sought: values.map(({ what }) => what),
      charactersSearched: Object.fromEntries(Object.entries(places).map(([place, text]) => [place, text.length])),
      evidenceFromBefore: await holds(stage, before),
      evidenceFromAfter: await holds(stage, after),
      wholeLogAfter: await holds(stage, whole),
    };
  });
}

/** By what she can be known as long as she is: names, accounts, and whatever she alone wrote. */
async function known({ inStore }: Stage) {
  const [row] = await inStore<{ person: string; requestId: string }>(
    `select p.id as person, g.request_id as "requestId" from curfew.person p join curfew.request r on r.person = p.id
     join curfew.access_grant g on g.request_id = r.id
     where p.handle = $1 and p.state = 'left' and g.ended_at is not null order by g.granted_at desc limit 1`,
    [handle],
  );
  must(row, `${handle} has not left, or held nothing`);
  const texts = await inStore<{ what: string; value: string }>(
    `select distinct what, value from (
       select 'name' as what, name as value from curfew.personal where person = $1
       union all select 'e-mail', email from curfew.personal where person = $1
       union all select 'Slack account', slack_user from curfew.personal where person = $1
       union all select 'text (' || kind || ')', body from curfew.personal where person = $1) v
     where length(value) >= 8 and not exists (select from curfew.personal o
       where o.person <> $1 and value in (o.name, o.email, o.slack_user, o.body))`,
    [row.person],
  );
  must(
    ['name', 'e-mail', 'Slack account', 'text (reason)'].every((what) => texts.some((one) => one.what === what)),
    'nothing is known of her',
  );
  const values = texts.map(({ what, value }) => ({ what, is: asWord(value) }));
  return { ...row, values: [...values, { what: 'handle', is: asWord(handle) }] };
}

/** The worker signs once a minute. */
const signedThrough = (stage: Stage, person: string): Promise<unknown> =>
  stage.waitFor(
    'a checkpoint over her erasure',
    async () =>
      (
        await stage.inStore(
          `select from audit.entry e join audit.leaf l on l.entry = e.id
           where e.kind = 'person.erased' and e.subject = $1 and l.index < (select max(size) from audit.checkpoint)`,
          [person],
        )
      ).length > 0,
    90_000,
  );

/** Each table of the store, the log's entries and the kept histories in the clear, and what the processes logged. */
async function everything(stage: Stage, person: string): Promise<Readonly<Record<string, string>>> {
  const tables = await stage.inStore<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('curfew', 'audit')`,
  );
  const rows: string[] = [];
  for (const { name } of tables) {
    const found = await stage.inStore<{ text: string }>(`select to_jsonb(t)::text as text from ${name} t`);
    rows.push(...found.map(({ text }) => text));
  }
  const histories = await stage.inStore<{ bytes: Buffer }>('select bytes from curfew.history');
  const hers = await stage.inStore<{ id: string }>('select id from curfew.request where person = $1', [person]);
  const {
    histories: temporal,
    logs,
    audit,
  } = await writtenIn(
    stage,
    hers.map(({ id }) => id),
  );
  const kept = histories.map(({ bytes }) => gunzipSync(bytes).toString('utf8')).join('\n');
  return { store: rows.join('\n'), log: audit, histories: kept, temporal, logs };
}
