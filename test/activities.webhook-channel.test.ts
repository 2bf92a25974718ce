import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createWebhook } from '../activities/webhook-channel.ts';
import { CurfewError } from '../domain/errors.ts';
import { startReceiver, type WebhookReceiver } from './support/webhook-receiver.ts';

const secretOf = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const [old, next, strange] = [secretOf(), secretOf(), secretOf()];
const message = { id: 'alarm_1-raised', type: 'alarm.raised', data: { code: 'revoke-late', subject: 'orders' } };

let receiver: WebhookReceiver;
beforeAll(async () => {
  receiver = await startReceiver([next]);
});
afterEach(() => {
  receiver.answer(undefined);
  receiver.received.length = 0;
});
afterAll(() => receiver.end());

const webhook = (more: object = {}) => createWebhook({ url: receiver.url, secrets: [next], ...more });

test('a message arrives signed, with its id, its type and its data, and nothing else', async () => {
  await webhook().post({ ...message, at: Date.UTC(2026, 0, 2, 3, 4, 5) });
  const [got] = receiver.received;
  expect(got?.id).toBe(message.id);
  expect(got?.headers['content-type']).toBe('application/json');
  expect(got?.body).toEqual({ type: message.type, timestamp: '2026-01-02T03:04:05.000Z', data: message.data });
});

test('while a secret is replaced both sign, so that the receiver may know either', async () => {
  await webhook({ secrets: [old, next] }).post(message);
  await webhook({ secrets: [next, strange] }).post(message);
  expect(receiver.received).toHaveLength(2);
  await webhook({ secrets: [old, strange] }).post(message);
  expect(receiver.received).toHaveLength(2);
  expect(receiver.unsigned()).toBe(1);
});

test('a stamp of long ago is nobody’s signature of now', async () => {
  const unsigned = receiver.unsigned();
  await webhook({ clock: () => Date.now() - 6 * 60_000 }).post(message);
  expect(receiver.unsigned()).toBe(unsigned + 1);
});

test.each<readonly [string, RequestListener]>([
  ['says that it is broken', (_request, response) => void response.writeHead(503).end('no')],
  ['refuses', (_request, response) => void response.writeHead(401).end()],
  ['redirects', (_request, response) => void response.writeHead(307, { location: '/elsewhere' }).end()],
  ['never answers', () => undefined],
  ['breaks off', (request) => void request.socket.destroy()],
])('a receiver that %s has not taken it: it is to be sent again, and sent there alone', async (_what, listener) => {
  receiver.answer(listener);
  const failed: unknown = await webhook({ timeoutMs: 300 })
    .post(message)
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(CurfewError);
  expect(failed).toMatchObject({ code: 'NotConfirmed' });
  expect(receiver.received).toHaveLength(1);
  receiver.answer(undefined);
  await webhook().post(message);
  expect(receiver.received.map(({ id }) => id)).toEqual([message.id, message.id]);
});

test('an endless answer is not read', async () => {
  receiver.answer((_request, response) => {
    response.writeHead(200);
    const more = setInterval(() => response.write('x'.repeat(10_000)), 1);
    response.on('close', () => clearInterval(more));
  });
  await webhook({ timeoutMs: 2_000 }).post(message);
  expect(receiver.received).toHaveLength(1);
});

test('what went wrong tells neither the address nor a secret (I12)', async () => {
  const url = `${receiver.url}?token=hunter2`;
  await receiver.end();
  const failed: unknown = await createWebhook({ url, secrets: [next] })
    .post(message)
    .catch((error: unknown) => error);
  const told = failed instanceof Error ? `${failed.message} ${failed.stack} ${String(failed.cause)}` : '';
  expect(told).toContain('not reached');
  for (const secret of ['hunter2', next, '127.0.0.1']) expect(told).not.toContain(secret);
  receiver = await startReceiver([next]);
});

test('no secret, an empty one, and an id that could be read in two ways are refused', async () => {
  expect(() => webhook({ secrets: [] })).toThrow('needs a secret');
  expect(() => webhook({ secrets: ['whsec_'] })).toThrow();
  await expect(webhook().post({ ...message, id: 'a.1.b' })).rejects.toThrow('message id');
  expect(receiver.received).toHaveLength(0);
});
