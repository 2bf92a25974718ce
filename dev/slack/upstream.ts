/** The recorder's own way to the emulator: translated ids, spread tokens, completed answers. */
import { learnDirectMessage, withFlags, type AccountFlags } from './answers.ts';
import { parseJson, type SlackReply } from './calls.ts';
import { inspectorToken, tokenForCall } from './emulator.ts';
import type { Exchange } from './exchange.ts';
import type { StableIds } from './stable-ids.ts';

type Call = Pick<Exchange, 'method' | 'contentType' | 'body'>;

export type Upstream = {
  /** As the app's bot, with the app's scopes. */
  readonly asBot: (call: Call) => Promise<SlackReply>;
  /** A call of the driver's own: with every scope, never recorded, never at fault. Throws when Slack says no. */
  readonly inspect: (method: string, args: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>;
};

export type UpstreamOptions = {
  readonly emulatorUrl: string;
  readonly botToken: string;
  readonly ids: StableIds;
  readonly flags: ReadonlyMap<string, AccountFlags>;
};

export const upstreamOf = ({ emulatorUrl, botToken, ids, flags }: UpstreamOptions): Upstream => {
  let calls = 0;
  const forward = async (call: Call, token: string): Promise<SlackReply> => {
    calls += 1;
    const response = await fetch(`${emulatorUrl}/api/${call.method}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokenForCall(token, calls)}`, 'content-type': call.contentType },
      body: ids.toRaw(call.body),
      signal: AbortSignal.timeout(10_000),
    });
    const body = parseJson(ids.toStable(await response.text())) as Record<string, unknown>;
    // The emulator says 404, which a client takes for a broken network and tries again for minutes.
    if (response.status === 404)
      return { status: 200, body: { ok: false, error: 'unknown_method', req_method: call.method } };
    return { status: response.status, body: learnDirectMessage(call, withFlags(body, flags), ids) };
  };
  return {
    asBot: (call) => forward(call, botToken),
    inspect: async (method, args) => {
      const { body } = await forward(
        { method, contentType: 'application/json', body: JSON.stringify(args) },
        inspectorToken,
      );
      if (body['ok'] !== true) throw new Error(`Slack's ${method} said ${String(body['error'])}`);
      return body;
    },
  };
};
