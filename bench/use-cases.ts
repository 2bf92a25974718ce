/** What the surfaces call, in this process: for whoever measures without Slack's and HTTP's part. */
import { clusterName, sampleTargets, zone } from '../dev/company/targets.ts';
import { apiUrl, storeUrl } from '../dev/stack/environments.ts';
import { codecKeyId, ticketKeyId } from '../dev/stack/settings.ts';
import type { Stack } from '../dev/stack/stack.ts';
import { isRefusal, type Refusal } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';
import type { Context } from '../service/context.ts';
import type { UseCases } from '../service/contract.ts';
import { policyInForce } from '../service/policy-in-force.ts';
import { bindUseCases } from '../service/use-cases.ts';
import { openStore } from '../store/pool.ts';
import { makeTicket } from '../targets/postgres/ticket.ts';
import { isVerifier } from '../targets/postgres/verifier.ts';
import { createTemporal } from '../temporal/connection.ts';

export type How = { readonly slack: boolean; readonly noticeMs: number };

/** The use cases in this process, as the stack's API has them, with Slack and notice as the measurement wants. */
export async function ownUseCases(
  stack: Stack,
  { slack, noticeMs }: How,
): Promise<{ useCases: UseCases; ctx: Context; close: () => Promise<void> }> {
  const { settings } = stack;
  const store = openStore({ url: storeUrl(settings, 'curfew_api'), applicationName: 'curfew-bench' });
  const codecKeys = [{ id: codecKeyId, key: Buffer.from(settings.secrets.codecKey, 'base64') }];
  const temporal = createTemporal({
    ...stack.temporal,
    codecKeys,
    identity: 'curfew-bench',
    deadlineMs: 10 * secondMs,
  });
  const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const key = Buffer.from(settings.secrets.ticketKey, 'base64');
  const ctx: Context = {
    store,
    temporal,
    clock: Date.now,
    policy: policyInForce(store, silent),
    targets: sampleTargets.map(({ name }) => ({
      name,
      cluster: clusterName,
      zone,
      host: '127.0.0.1',
      port: settings.ports.target,
    })),
    tickets: {
      accepts: isVerifier,
      make: (_cluster, { requestId, person, ...order }) => ({
        keyId: ticketKeyId,
        mac: makeTicket({ ...order, op: 'grant', grantId: requestId, personId: person, key }),
      }),
      extend: (_cluster, { requestId, person, ...order }) => ({
        keyId: ticketKeyId,
        mac: makeTicket({ ...order, op: 'extend', grantId: requestId, personId: person, key }),
      }),
    },
    conditions: () => Promise.resolve('holds'),
    publicUrl: apiUrl(settings),
    slackEnabled: slack,
    noticeMs,
    log: silent,
  };
  return {
    useCases: bindUseCases(ctx),
    ctx,
    close: async () => void (await Promise.all([store.close(), temporal.close()])),
  };
}

/** @throws Error where it was refused */
export function granted<T>(result: T | Refusal): T {
  if (isRefusal(result)) throw new Error(`${result.code}: ${result.message}`);
  return result;
}
