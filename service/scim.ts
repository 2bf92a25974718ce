/** SCIM's use cases, bound to one context: tokens, and what follows from a call. */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { CurfewError, isRefusal } from '../domain/errors.ts';
import { deliveryRefused } from '../domain/events/operation.ts';
import { minuteMs } from '../domain/time.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import type { Store } from '../store/pool.ts';
import * as tokens from '../store/scim-tokens.ts';
import { nextTurn } from '../store/scim-users.ts';
import { answering } from './answering.ts';
import type { Context } from './context.ts';
import type { ScimCaller, ScimUseCases } from './contract-scim.ts';
import { scimFirstCases } from './scim-first.ts';
import { scimGroupCases } from './scim-groups.ts';
import { hashOfToken } from './scim-secret.ts';
import { actor, scimUserCases } from './scim-users.ts';

/** Refused calls written to the log in a minute at most: whoever guesses must not be able to fill it. */
const mostRefusals = 30;

export type ScimOptions = {
  /** Taken off userNames that end in `@` and this. */
  readonly scimUserDomain?: string;
};

/** @throws Error in a process without the directory's login */
export function scimUseCases(ctx: Context, { scimUserDomain: domain }: ScimOptions = {}): ScimUseCases {
  const store = ctx.directory;
  if (!store) throw new Error('SCIM needs the directory login');
  const scim = { ctx, store, ...(domain === undefined ? {} : { domain }) };
  return {
    authenticate: (shown) => authenticate(store, shown),
    refuseToken: refuser(ctx, store),
    begin: async (caller) => ({ caller, event: `scim/${randomUUID()}`, turn: await nextTurn(store) }),
    ...scimFirstCases(scim),
    ...scimUserCases(scim),
    ...scimGroupCases(scim),
  };
}

/**
 * NB. Looked up by its SHA-256, so what the time of the look-up tells is nothing that somebody who guesses can steer;
 * compared in constant time all the same.
 */
async function authenticate(store: Store, shown: string): Promise<ScimCaller | undefined> {
  const hash = hashOfToken(shown);
  const token = hash && (await tokens.byHash(store, hash));
  if (hash && !token) await alarmOfRunOut(store, hash);
  if (!hash || !token || !timingSafeEqual(hash, token.hash)) return undefined;
  if (!token.usedLately) await tokens.used(store, token.id);
  const { id, source, scopes, inactive } = token;
  return { id, source, scopes, inactive };
}

/** A token that runs out stops everything that its source says, leavings first, and the source tells nobody here. */
async function alarmOfRunOut(store: Store, hash: Buffer): Promise<void> {
  const over = await tokens.runOut(store, hash);
  if (!over) return;
  const { source } = over;
  const detail = `${source} calls with a token that has run out, and with no other: whoever leaves is not known to have left. Make a new one: curfew scim token make --source ${source.replace('scim-', '')}.`;
  await alarms.raise(store, { key: `scim-token-over/${source}`, code: 'scim-token-over', subject: source, detail });
}

function refuser(ctx: Context, store: Store): ScimUseCases['refuseToken'] {
  const refusals: number[] = [];
  return async (source) => {
    const now = ctx.clock();
    while (refusals[0] !== undefined && refusals[0] <= now - minuteMs) refusals.shift();
    if (refusals.length >= mostRefusals) return;
    refusals.push(now);
    const body = { code: source === undefined ? 'BadToken' : 'BadScope' };
    const noted = await answering(ctx, 'refuseToken', async () => {
      await append(store, deliveryRefused(actor, source ?? 'scim', body));
    });
    if (isRefusal(noted)) throw new CurfewError(noted.code, noted.message);
  };
}
