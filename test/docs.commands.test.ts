/** The commands of docs/people.md and docs/operations.md are run as they are written there, on a real store. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startCompany, type Company } from './support/company.ts';
import { curfew } from './support/terminal.ts';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '..', 'docs', name), 'utf8');
const blocks = (name: string, language: string): readonly string[] =>
  [...read(name).matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, body]) => body ?? '',
  );

/** What takes more than a store to run, and the test that runs it. */
const elsewhere: Readonly<Record<string, string>> = {
  'alarms test': 'cli.alarms',
  doctor: 'cli.target',
  recover: 'cli.recover',
  policy: 'cli.policy',
  'audit key': 'cli.audit-log',
  'audit evidence': 'cli.evidence',
  'audit export': 'cli.audit-export',
  'audit retire': 'store.log-partitions',
  'people erase': 'cli.audit-log',
};
const lines = [...new Set(['people.md', 'operations.md'].flatMap((name) => blocks(name, 'sh')))]
  .flatMap((block) =>
    [...block.matchAll(/^ *(?:[A-Z_]+=\S+ )*curfew ([^#\n]*)/gm)].map(([, line]) => line?.trim() ?? ''),
  )
  .filter((line) => !Object.keys(elsewhere).some((command) => `${line} `.startsWith(`${command} `)));

let company: Company;
let hr: Server;
let reaping: NodeJS.Timeout;
beforeAll(async () => {
  company = await startCompany();
  const employees = [
    { email: 'ada@acme.example', status: 'Active', managerEmail: 'ben@acme.example' },
    { email: 'ben@acme.example', status: 'Active', managerEmail: null },
  ];
  hr = createServer((_, response) => response.end(JSON.stringify({ employees }))).listen(0, '127.0.0.1');
  await once(hr, 'listening');
  // The reaper's word that nothing is left of what was asked for.
  reaping = setInterval(() => {
    company.store.as.curfew_reaper
      .query(
        `insert into curfew.revoke_outcome (intent_id, target, evidence)
         select i.id, t.name, '{}' from curfew.revoke_intent i, unnest($1::text[]) as t (name)
         where (i.target is null or i.target = t.name)
           and not exists (select from curfew.revoke_outcome o where o.intent_id = i.id and o.target = t.name)`,
        [company.ctx.targets.map(({ name }) => name)],
      )
      .catch(() => undefined);
  }, 100);
});
afterAll(async () => {
  clearInterval(reaping);
  hr?.close();
  await company?.end();
});
beforeEach(() => company.restore());

const fileThat = (start: string): string =>
  blocks('people.md', 'yaml').find((block) => block.startsWith(start)) ?? `no block starts with ${start}`;
const words = (line: string): readonly string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? '');

async function run(line: string) {
  const sources = fileThat('# sources.yaml');
  const url = `http://127.0.0.1:${(hr.address() as AddressInfo).port}/people`;
  return curfew(words(line), {
    env: {
      CURFEW_ADMIN_STORE_URL: company.store.url('curfew_admin'),
      CURFEW_DIRECTORY_STORE_URL: company.store.url('curfew_directory'),
      CURFEW_HR_SOURCES: '/etc/curfew/sources.yaml',
    },
    files: {
      'people.yaml': fileThat('# people.yaml'),
      'orders-prod.log': 'a line of the log\n',
      '/etc/curfew/sources.yaml': sources.replace('https://hr.acme.example/people', url),
    },
    answer: 'yes',
  });
}

test('there is something to run', () => {
  expect(lines.length).toBeGreaterThan(25);
});

test.each(lines)('curfew %s', async (line) => {
  const uuid = /[0-9a-f]{8}-[0-9a-f-]{27}/;
  if (line.endsWith('--remove')) await run(line.replace(' --remove', ''));
  const made = uuid.test(line) ? uuid.exec((await run('scim token make --source okta')).err)?.[0] : undefined;
  const ran = await run(made === undefined ? line : line.replace(uuid, made));
  expect(ran.code, ran.err).toBe(0);
});
