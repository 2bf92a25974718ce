/** What the recorder itself answers, and what it adds to the emulator's answers. */
import { parseArguments, type SlackReply } from './calls.ts';
import type { Exchange } from './exchange.ts';
import type { StableIds } from './stable-ids.ts';

/** Flags of `users.info` that the emulator cannot hold. */
export type AccountFlags = {
  readonly deleted?: boolean;
  readonly is_bot?: boolean;
  readonly is_restricted?: boolean;
  readonly is_ultra_restricted?: boolean;
  readonly is_stranger?: boolean;
  readonly team_id?: string;
  /** IANA name of the zone that they chose. */
  readonly tz?: string;
};

export const invalidAuth: SlackReply = { status: 200, body: { ok: false, error: 'invalid_auth' } };

/** What Slack says to blocks and views that it does not take. */
export const refusal = (problems: readonly string[]): SlackReply => ({
  status: 200,
  body: {
    ok: false,
    error: 'invalid_blocks',
    response_metadata: { messages: problems.map((problem) => `[ERROR] ${problem}`) },
  },
});

/** Accounts as Slack tells them, with the flags that the emulator does not know. */
export const withFlags = (
  body: Record<string, unknown>,
  flags: ReadonlyMap<string, AccountFlags>,
): Record<string, unknown> => {
  const complete = (account: unknown): unknown => {
    const { id } = account as { id?: unknown };
    return {
      is_restricted: false,
      is_ultra_restricted: false,
      is_app_user: false,
      tz: 'UTC',
      ...(account as object),
      ...flags.get(String(id)),
    };
  };
  if (typeof body['user'] === 'object' && body['user'] !== null) return { ...body, user: complete(body['user']) };
  if (Array.isArray(body['members']) && typeof body['members'][0] === 'object')
    return { ...body, members: body['members'].map(complete) };
  return body;
};

/** A direct message's id is drawn when it is opened; from then on it has one that follows from the person. */
export const learnDirectMessage = (
  exchange: Pick<Exchange, 'method' | 'contentType' | 'body'>,
  body: Record<string, unknown>,
  ids: StableIds,
): Record<string, unknown> => {
  const { users, channel: to } = parseArguments(exchange.contentType, exchange.body);
  const person = exchange.method === 'conversations.open' ? users : to;
  const raw =
    typeof body['channel'] === 'string' ? body['channel'] : (body['channel'] as { id?: unknown } | undefined)?.id;
  if (typeof raw !== 'string' || !raw.startsWith('D') || typeof person !== 'string' || !/^U[0-9A-Z]+$/.test(person))
    return body;
  ids.learn(ids.toRaw(raw), 'D', person);
  return JSON.parse(ids.toStable(JSON.stringify(body))) as Record<string, unknown>;
};
