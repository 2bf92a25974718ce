import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { apiShape, readApiConfig } from '../config/api.ts';
import { cliShape, migrateShape, readCliConfig, readMigrateConfig } from '../config/cli.ts';
import type { Problem, Read } from '../config/field.ts';
import { readReaperConfig, reaperShape } from '../config/reaper.ts';
import { variables, variablesTable } from '../config/variables.ts';
import { readWorkerConfig, workerShape } from '../config/worker.ts';

const key = (bytes = 32): string => randomBytes(bytes).toString('base64');
const cluster = {
  name: 'main',
  zone: 'eu',
  targets: ['orders-prod', 'models-prod'],
  database: 'curfew_control',
  user: 'curfew_worker',
  password: 'a-password-of-a-login',
  nodes: [
    { name: 'b', host: 'db-b.internal', port: 5432 },
    { name: 'a', host: 'db-a.internal', port: 5432, primary: true },
  ],
};
const temporal = { CURFEW_TEMPORAL_ADDRESS: 'temporal.internal:7233', CURFEW_CODEC_KEYS: `one:${key()},two:${key()}` };
const api = {
  CURFEW_STORE_URL: 'postgres://curfew_api:a-password@db:5432/curfew',
  ...temporal,
  CURFEW_TARGETS: JSON.stringify([
    { name: 'orders-prod', cluster: 'main', zone: 'eu', host: 'db.example.com', port: 5432 },
  ]),
  CURFEW_TICKET_KEYS: JSON.stringify({ main: `2026-11:${key()}` }),
  CURFEW_PUBLIC_URL: 'https://curfew.example.com/',
};
const worker = {
  CURFEW_STORE_URL: 'postgres://curfew_worker:a-password@db/curfew',
  ...temporal,
  CURFEW_TARGETS: JSON.stringify([cluster]),
  CURFEW_PUBLIC_URL: 'https://curfew.example.com',
};
const reaper = {
  CURFEW_STORE_URL: 'postgres://curfew_reaper:a-password@db/curfew',
  CURFEW_TARGETS: JSON.stringify([cluster]),
};
const slack = {
  CURFEW_SLACK_BOT_TOKEN: 'xoxb-a-token',
  CURFEW_SLACK_SIGNING_SECRET: 'a-signing-secret',
  CURFEW_SLACK_APP_ID: 'A012',
  CURFEW_SLACK_TEAM_ID: 'T012',
  CURFEW_SLACK_CHANNEL: 'C012',
};

const problemsOf = (read: Read<unknown>): readonly Problem[] => (read.ok ? [] : read.problems);
const names = (read: Read<unknown>): readonly string[] =>
  [...new Set(problemsOf(read).map((problem) => problem.variable))].toSorted();
function configOf<Config>(read: Read<Config>): Config {
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.config;
}

test('what is required and unset is told all at once, each with what to do', () => {
  for (const [read, shape] of [
    [readApiConfig({}), apiShape],
    [readWorkerConfig({}), workerShape],
    [readReaperConfig({}), reaperShape],
    [readMigrateConfig({}), migrateShape],
  ] as const) {
    const required = Object.entries(shape).flatMap(([name, field]) => (field.required ? [name] : []));
    expect(names(read)).toEqual(required.toSorted());
    for (const problem of problemsOf(read))
      expect(problem).toMatchObject({ wrong: 'is not set', mend: expect.stringMatching(/^Set it /) });
  }
});

test('the API reads what it needs, with defaults for the rest', () => {
  const config = configOf(readApiConfig({ ...api, CURFEW_LOG_LEVEL: '' }));
  expect(config).toMatchObject({
    temporal: { address: 'temporal.internal:7233', namespace: 'curfew', codecKeys: [{ id: 'one' }, { id: 'two' }] },
    targets: [{ name: 'orders-prod', cluster: 'main', zone: 'eu', host: 'db.example.com', port: 5432 }],
    publicUrl: 'https://curfew.example.com',
    host: '127.0.0.1',
    port: 8080,
    noticeMs: 900_000,
    hrSecrets: [],
    logLevel: 'info',
  });
  expect(config.slack).toBeUndefined();
  expect(config.ticketKeys.get('main')?.key).toHaveLength(32);
});

test('worker and reaper get their clusters with the primary first and TLS as it was said', () => {
  const { clusters } = configOf(
    readWorkerConfig({ ...worker, CURFEW_TARGETS: JSON.stringify([{ ...cluster, tls: 'off' }]) }),
  );
  expect(clusters[0]).toEqual({
    name: 'main',
    zone: 'eu',
    targets: ['orders-prod', 'models-prod'],
    database: 'curfew_control',
    user: 'curfew_worker',
    password: 'a-password-of-a-login',
    nodes: [
      { name: 'a', host: 'db-a.internal', port: 5432, tls: { kind: 'off' } },
      { name: 'b', host: 'db-b.internal', port: 5432, tls: { kind: 'off' } },
    ],
  });
  expect(configOf(readReaperConfig(reaper)).clusters[0]?.nodes[0]).toEqual({
    name: 'a',
    host: 'db-a.internal',
    port: 5432,
  });
  const withCa = JSON.stringify([{ ...cluster, tls: { ca: 'PEM', serverName: 'db.internal' } }]);
  expect(configOf(readReaperConfig({ ...reaper, CURFEW_TARGETS: withCa })).clusters[0]?.nodes[1]?.tls).toEqual({
    kind: 'verified',
    ca: 'PEM',
    serverName: 'db.internal',
  });
});

test('a value may stand in a file; one that cannot be read is a problem', () => {
  const files = new Map([['/run/secrets/targets.json', `${api.CURFEW_TARGETS}\n`]]);
  const readText = (path: string): string => {
    const text = files.get(path);
    if (text === undefined) throw new Error('no such file');
    return text;
  };
  expect(
    configOf(readApiConfig({ ...api, CURFEW_TARGETS: '@/run/secrets/targets.json' }, readText)).targets,
  ).toHaveLength(1);
  expect(problemsOf(readApiConfig({ ...api, CURFEW_TARGETS: '@/nowhere' }, readText))).toEqual([
    expect.objectContaining({ variable: 'CURFEW_TARGETS', wrong: 'names a file that cannot be read' }),
  ]);
});

test('Slack is all or nothing, over HTTP or Socket Mode', () => {
  expect(configOf(readApiConfig({ ...api, ...slack })).slack).toEqual({
    botToken: 'xoxb-a-token',
    channel: 'C012',
    opsChannel: 'C012',
    policyChannel: 'C012',
    appId: 'A012',
    teamId: 'T012',
    messageEveryMs: 1_000,
    receiver: { kind: 'http', signingSecret: 'a-signing-secret' },
  });
  const { CURFEW_SLACK_SIGNING_SECRET: _, ...rest } = slack;
  expect(configOf(readApiConfig({ ...api, ...rest, CURFEW_SLACK_APP_TOKEN: 'xapp-1-a' })).slack?.receiver.kind).toBe(
    'socket',
  );
  expect(names(readApiConfig({ ...api, CURFEW_SLACK_BOT_TOKEN: 'xoxb-a-token' }))).toEqual([
    'CURFEW_SLACK_APP_ID',
    'CURFEW_SLACK_CHANNEL',
    'CURFEW_SLACK_SIGNING_SECRET',
    'CURFEW_SLACK_TEAM_ID',
  ]);
  expect(names(readApiConfig({ ...api, ...slack, CURFEW_SLACK_APP_TOKEN: 'xapp-1-a' }))).toEqual([
    'CURFEW_SLACK_APP_TOKEN',
  ]);
});

test('what does not fit together is told: a cluster without a key, a hook without its login, half a certificate', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  const read = readApiConfig({
    ...api,
    CURFEW_TICKET_KEYS: JSON.stringify({ other: `k:${key()}` }),
    CURFEW_HR_SECRETS: `whsec_${key()}`,
    CURFEW_TEMPORAL_TLS_CERT: pem,
  });
  expect(names(read)).toEqual(['CURFEW_DIRECTORY_STORE_URL', 'CURFEW_TEMPORAL_TLS_KEY', 'CURFEW_TICKET_KEYS']);
  expect(names(readApiConfig({ ...api, CURFEW_CODEC_KEYS: `one:${key()},one:${key()}` }))).toEqual([
    'CURFEW_CODEC_KEYS',
  ]);
});

/** Wrong values, each with a canary that no problem may repeat. */
const wrongValues: readonly (readonly [
  keyof typeof apiShape | keyof typeof workerShape | 'CURFEW_REAP_EVERY',
  string,
])[] = [
  ['CURFEW_STORE_URL', 'mysql://canary:canary@db/x'],
  ['CURFEW_STORE_URL', 'postgres://db/x?canary'],
  ['CURFEW_STORE_URL', 'postgres://canary@db'],
  ['CURFEW_STORE_URL', 'canary'],
  ['CURFEW_TEMPORAL_ADDRESS', 'canary'],
  ['CURFEW_TEMPORAL_ADDRESS', 'canary:99999'],
  ['CURFEW_CODEC_KEYS', 'canary'],
  ['CURFEW_CODEC_KEYS', `canary:${key(16)}`],
  ['CURFEW_CODEC_KEYS', `canary:${key()},`],
  ['CURFEW_TARGETS', '[{"name": "canary"'],
  ['CURFEW_TARGETS', '"canary"'],
  ['CURFEW_TARGETS', '[]'],
  ['CURFEW_TARGETS', '[{"name": "UPPER canary", "cluster": "c", "host": "canary host", "port": 0}]'],
  ['CURFEW_TICKET_KEYS', '{"main": "canary"}'],
  ['CURFEW_TICKET_KEYS', '{"main": {"canary": 1}}'],
  ['CURFEW_SLACK_BOT_TOKEN', 'canary'],
  ['CURFEW_HR_SECRETS', 'canary'],
  ['CURFEW_HR_SECRETS', 'whsec_canary'],
  ['CURFEW_PUBLIC_URL', 'https://canary@curfew.example.com'],
  ['CURFEW_PUBLIC_URL', 'https://curfew.example.com/canary'],
  ['CURFEW_PORT', 'canary'],
  ['CURFEW_PORT', '65536'],
  ['CURFEW_NOTICE', 'canary'],
  ['CURFEW_LOG_LEVEL', 'canary'],
  ['CURFEW_DRAIN', '-1s canary'],
];

test.each(wrongValues)('%s is refused when it is wrong (%#), and its value is told to nobody', (name, value) => {
  const problems = problemsOf(readApiConfig({ ...api, [name]: value }));
  expect(problems.map((problem) => problem.variable)).toContain(name);
  expect(JSON.stringify(problems)).not.toContain('canary');
});

test('every mistake of a JSON value is told with its place', () => {
  const broken = JSON.stringify([
    { ...cluster, password: '', nodes: [{ name: 'a', host: 'h', port: '5432' }], extra: 1 },
  ]);
  const told = problemsOf(readReaperConfig({ ...reaper, CURFEW_TARGETS: broken })).map((problem) => problem.wrong);
  expect(told).toEqual([
    '[0].password is empty',
    '[0].nodes[0].port is not a port',
    expect.stringMatching(/^\[0\] .*extra/),
  ]);
});

const wrongOf = (list: unknown): readonly string[] =>
  problemsOf(readReaperConfig({ ...reaper, CURFEW_TARGETS: JSON.stringify(list) })).map((problem) => problem.wrong);

test('two clusters with one target, two nodes with one name and two primaries are refused', () => {
  expect(wrongOf([cluster, { ...cluster, name: 'other' }])).toEqual(['has a target in two clusters']);
  const [first] = cluster.nodes;
  expect(wrongOf([{ ...cluster, nodes: [first, first] }])).toEqual(['[0].nodes names a node twice']);
  const primaries = cluster.nodes.map((node) => ({ ...node, primary: true }));
  expect(wrongOf([{ ...cluster, nodes: primaries }])).toEqual(['[0].nodes names two primaries']);
});

test('the reaper looks at least every five seconds, whatever somebody sets', () => {
  expect(configOf(readReaperConfig({ ...reaper, CURFEW_REAP_EVERY: '2s' })).everyMs).toBe(2_000);
  for (const every of ['0', '10s', '1h'])
    expect(names(readReaperConfig({ ...reaper, CURFEW_REAP_EVERY: every }))).toEqual(['CURFEW_REAP_EVERY']);
});

test('a command reads only what it needs', () => {
  expect(configOf(readCliConfig({ CURFEW_API: 'https://c.example.com', CURFEW_TARGETS: 'broken' }, ['api']))).toEqual({
    api: 'https://c.example.com',
  });
  expect(names(readCliConfig({}, ['api', 'clusters']))).toEqual(['CURFEW_API', 'CURFEW_TARGETS']);
  expect(
    names(
      readMigrateConfig({ CURFEW_MIGRATE_URL: 'postgres://a@h/d', CURFEW_STORE_PASSWORDS: '{"curfew_api": "short"}' }),
    ),
  ).toEqual(['CURFEW_STORE_PASSWORDS']);
});

test('the table has every variable of every process, and the Markdown one line each', () => {
  const shapes = { api: apiShape, worker: workerShape, reaper: reaperShape, migrate: migrateShape, cli: cliShape };
  for (const [process, shape] of Object.entries(shapes)) {
    expect(variables.filter((variable) => variable.process === process).map((variable) => variable.name)).toEqual(
      Object.keys(shape),
    );
  }
  expect(variables.every((variable) => /^CURFEW_[A-Z_]+$/.test(variable.name) && variable.what.length > 5)).toBe(true);
  const lines = variablesTable().split('\n').slice(2);
  expect(lines).toHaveLength(new Set(variables.map((variable) => variable.name)).size);
});

test('the webhook of alarms has an address that cannot be read on its way, and a secret', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const other = `whsec_${Buffer.alloc(24, 8).toString('base64')}`;
  const both = { CURFEW_ALARM_WEBHOOK_URL: 'https://pager.example.com/in', CURFEW_ALARM_WEBHOOK_SECRET: secret };
  expect(configOf(readWorkerConfig(worker)).webhook).toBeUndefined();
  expect(configOf(readWorkerConfig({ ...worker, ...both })).webhook).toEqual({
    url: 'https://pager.example.com/in',
    secrets: [secret],
  });
  const rotating = { ...both, CURFEW_ALARM_WEBHOOK_SECRET: `${secret},${other}` };
  expect(configOf(readWorkerConfig({ ...worker, ...rotating })).webhook?.secrets).toEqual([secret, other]);
  const here = { ...both, CURFEW_ALARM_WEBHOOK_URL: 'http://127.0.0.1:8099/in' };
  expect(configOf(readWorkerConfig({ ...worker, ...here })).webhook?.url).toBe('http://127.0.0.1:8099/in');
  for (const url of [
    'http://pager.example.com/in',
    'http://127.0.0.1.example.com/',
    'https://a:b@example.com/',
    'ftp://x/',
  ]) {
    expect(names(readWorkerConfig({ ...worker, ...both, CURFEW_ALARM_WEBHOOK_URL: url }))).toEqual([
      'CURFEW_ALARM_WEBHOOK_URL',
    ]);
  }
  for (const wrong of ['whsec_', 'whsec_AAAA', `${secret},`, 'abc']) {
    expect(names(readWorkerConfig({ ...worker, ...both, CURFEW_ALARM_WEBHOOK_SECRET: wrong }))).toEqual([
      'CURFEW_ALARM_WEBHOOK_SECRET',
    ]);
  }
  const { CURFEW_ALARM_WEBHOOK_URL: url, CURFEW_ALARM_WEBHOOK_SECRET: set } = both;
  expect(names(readWorkerConfig({ ...worker, CURFEW_ALARM_WEBHOOK_URL: url }))).toEqual([
    'CURFEW_ALARM_WEBHOOK_SECRET',
  ]);
  expect(names(readWorkerConfig({ ...worker, CURFEW_ALARM_WEBHOOK_SECRET: set }))).toEqual([
    'CURFEW_ALARM_WEBHOOK_URL',
  ]);
});

test.each(['acme', 'Acme.Example', '@acme.example', 'acme.example/', 'acme..example', '-acme.example'])(
  'a domain of SCIM userNames that is none is refused: %s',
  (domain) => {
    expect(names(readApiConfig({ ...api, CURFEW_SCIM_USER_DOMAIN: domain }))).toEqual(['CURFEW_SCIM_USER_DOMAIN']);
  },
);

test('a domain of SCIM userNames is read', () => {
  const read = readApiConfig({ ...api, CURFEW_SCIM_USER_DOMAIN: 'eu.acme.example' });
  expect(configOf(read).scimUserDomain).toBe('eu.acme.example');
  expect(configOf(readApiConfig(api))).not.toHaveProperty('scimUserDomain');
});

test('conditions are asked of a file or of an endpoint, never of both', () => {
  const file = { CURFEW_CONDITIONS_FILE: '/etc/curfew/conditions.yaml' };
  const url = { CURFEW_CONDITIONS_URL: 'https://incidents.example.com/v1' };
  expect(configOf(readApiConfig(api)).conditions).toEqual({ kind: 'none' });
  expect(configOf(readApiConfig({ ...api, ...file })).conditions).toEqual({
    kind: 'file',
    path: '/etc/curfew/conditions.yaml',
  });
  expect(configOf(readWorkerConfig({ ...worker, ...url, CURFEW_CONDITIONS_TOKEN: 'abc' })).conditions).toEqual({
    kind: 'http',
    base: 'https://incidents.example.com/v1/',
    token: 'abc',
  });
  expect(names(readApiConfig({ ...api, ...file, ...url }))).toEqual(['CURFEW_CONDITIONS_FILE']);
  expect(names(readWorkerConfig({ ...worker, CURFEW_CONDITIONS_TOKEN: 'abc' }))).toEqual(['CURFEW_CONDITIONS_TOKEN']);
  expect(names(readApiConfig({ ...api, CURFEW_CONDITIONS_SECRETS: 'whsec_AAAA' }))).toEqual([
    'CURFEW_CONDITIONS_SECRETS',
  ]);
});
