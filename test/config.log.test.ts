import { expect, test } from 'vitest';
import { createLog, describeError, hideSecrets } from '../config/log.ts';

const logged = (fields: object, message = 'a message'): Record<string, unknown> & { text: string } => {
  let text = '';
  createLog('test', 'info', { write: (line) => void (text += line) }).error(fields, message);
  return { ...(JSON.parse(text) as Record<string, unknown>), text };
};

const canaries: readonly (readonly [string, string])[] = [
  ['a verifier', 'SCRAM-SHA-256$4096:Y2FuYXJ5Y2FuYXJ5$Y2FuYXJ5:Y2FuYXJ5'],
  ['an address with a password', 'postgres://curfew_api:canary@db:5432/curfew'],
  ['a bot token', 'xoxb-1-canary'],
  ['an app token', 'xapp-1-canary'],
  ['a webhook secret', 'whsec_canary'],
  ['a SCIM token', `cfs_canary${'A'.repeat(37)}`],
  ['a bearer header', 'Authorization: Bearer canary'],
  ['a password in a connection string', 'host=db password=canary user=x'],
  ['a password in JSON', '{"password": "canary"}'],
];

test.each(canaries)('%s is hidden in messages, in fields and in errors with their causes', (_what, secret) => {
  const hidden = /canary|Y2FuYXJ5/;
  expect(hideSecrets(`before ${secret} after`)).not.toMatch(hidden);
  expect(logged({}, `before ${secret} after`).text).not.toMatch(hidden);
  expect(logged({ note: secret }).text).not.toMatch(hidden);
  const error = new Error(`failed: ${secret}`, { cause: new Error(secret) });
  expect(logged({ err: error }).text).not.toMatch(hidden);
  expect(JSON.stringify(describeError(error))).not.toMatch(hidden);
});

test('fields that are secrets by name are hidden at any usual depth', () => {
  for (const name of ['password', 'verifier', 'ticket', 'secret', 'token', 'authorization', 'key', 'url']) {
    expect(logged({ [name]: 'canary', a: { [name]: 'canary', b: { [name]: 'canary' } } }).text).not.toContain('canary');
  }
  expect(logged({ body: { code: 'canary' } }).text).not.toContain('canary');
});

test('a line stays one JSON object, whatever is hidden in it', () => {
  const deep = { a: { b: { c: { token: 1, secret: { x: [1] }, password: ['p'], text: 'token: 5, secret={"a":1}' } } } };
  expect(logged(deep)).toMatchObject({ a: { b: { c: { token: 1, secret: { x: [1] } } } } });
});

test('a line is one JSON object with process, level, instant and ids', () => {
  const line = logged({ requestId: 'r', workflowId: 'access-request/r', grantId: 'r' }, 'granted');
  expect(line).toMatchObject({
    process: 'test',
    level: 'error',
    requestId: 'r',
    workflowId: 'access-request/r',
    grantId: 'r',
    msg: 'granted',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });
});

test("an error keeps its name, code and SQLSTATE, and none of the driver's other fields", () => {
  const error = Object.assign(new Error('no'), {
    code: 'ECONNREFUSED',
    sqlstate: '08006',
    detail: 'Key (verifier)=(canary)',
    parameters: ['canary'],
  });
  expect(describeError(error)).toMatchObject({ name: 'Error', code: 'ECONNREFUSED', sqlstate: '08006', message: 'no' });
  expect(logged({ err: error }).text).not.toContain('canary');
});
