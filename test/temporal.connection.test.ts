import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../dev/ports.ts';
import { createTemporal } from '../temporal/connection.ts';
import { approvals, decision, newCredentialId, newRequestId, person, request } from './support/requests.ts';
import { testKeys } from './support/temporal.ts';

/** Somebody who takes every connection and never says a word, as a server that is frozen does. */
async function frozen(): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test.each([
  ['is not there', freePort],
  ['does not answer', frozen],
])('whoever clicked is told in time that it is recorded and not confirmed, where Temporal %s', async (_, portOf) => {
  const deadlineMs = 1_200;
  const address = `127.0.0.1:${await portOf()}`;
  const temporal = createTemporal({ address, namespace: 'test', codecKeys: testKeys, identity: 'test', deadlineMs });
  onTestFinished(() => temporal.close());
  const input = request('default', { plan: approvals() });
  const calls = {
    start: () => temporal.startRequest(input),
    decide: () => temporal.decide(input.requestId, decision(input, person())),
    claim: () => temporal.claim(newRequestId(), { credentialId: newCredentialId() }),
    revoke: () => temporal.revoke(newRequestId(), { actor: 'test', cause: 'it was ended' }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const startedAt = performance.now();
    await expect(call(), name).rejects.toMatchObject({ code: 'NotConfirmed' });
    // Slack waits for three seconds.
    expect(performance.now() - startedAt, name).toBeLessThan(2_900);
  }
});
