/**
 * An HTTP proxy before the emulator: the address that the app, the worker and the driver know as Slack's Web API. It
 * keeps every call, holds each against the validator, can misbehave on demand, and adds what the emulator lacks:
 * stable ids, account flags, delivery of scheduled messages, Slack's answers to unknown methods and tokens.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf } from '../trouble.ts';
import { invalidAuth, refusal, type AccountFlags } from './answers.ts';
import { callLog, type CallLog } from './call-log.ts';
import type { SlackCall } from './calls.ts';
import { readExchange, send, type Exchange } from './exchange.ts';
import { answerWithFault, faultList, type FaultList } from './faults.ts';
import { scheduledMessages } from './scheduled.ts';
import type { StableIds } from './stable-ids.ts';
import { upstreamOf, type Upstream } from './upstream.ts';

/** One line for each thing wrong with the call's arguments; none if Slack would take them. */
export type ValidateCall = (call: Pick<SlackCall, 'method' | 'args'>) => readonly string[];

export type Recorder = CallLog & {
  readonly url: string;
  readonly fault: FaultList['begin'];
  readonly setFlags: (userId: string, flags: AccountFlags) => void;
  readonly inspect: Upstream['inspect'];
  /** Keeps what reached Slack on another way, such as a `response_url`, and holds it against the validator too. */
  readonly keep: (method: string, args: Readonly<Record<string, unknown>>, validateAs: string) => void;
  readonly stop: () => Promise<void>;
};

export type RecorderOptions = {
  readonly emulatorUrl: string;
  readonly port: number;
  readonly botToken: string;
  readonly ids: StableIds;
  readonly validate: ValidateCall;
};

export const startRecorder = async (options: RecorderOptions): Promise<Recorder> => {
  const { add, ...log } = callLog();
  const faults = faultList();
  const flags = new Map<string, AccountFlags>();
  const upstream = upstreamOf({ ...options, flags });
  const schedule = scheduledMessages(upstream.inspect);
  let seq = 0;
  const begun = (method: string, args: SlackCall['args'], validateAs: string): Omit<SlackCall, 'fault' | 'reply'> => {
    seq += 1;
    return { seq, at: Date.now(), method, args, problems: options.validate({ method: validateAs, args }) };
  };

  const answer = async (exchange: Exchange, response: ServerResponse): Promise<void> => {
    const { method, args, authorization } = exchange;
    const call = begun(method, args, method);
    const fault = faults.meet(method);
    if (fault !== null && fault.kind !== 'reply-lost') {
      add({ ...call, fault: fault.kind, reply: null });
      return answerWithFault(fault, response);
    }
    // The emulator takes a token that it does not know for its first user's; Slack does not.
    const allowed = authorization === `Bearer ${options.botToken}`;
    const refused = allowed ? (call.problems.length > 0 ? refusal(call.problems) : null) : invalidAuth;
    const reply = refused ?? (await upstream.asBot(exchange));
    schedule.note(method, args, reply.body);
    add({ ...call, fault: fault?.kind ?? null, reply });
    if (fault === null) send(response, reply);
    else response.destroy();
  };

  const server = createServer((request, response) => {
    readExchange(request)
      .then((exchange) => answer(exchange, response))
      .catch((error: unknown) => {
        if (!response.headersSent) send(response, { status: 502, body: { ok: false, error: messageOf(error) } });
      });
  });
  await listen(server, options.port);
  return {
    ...log,
    url: `http://127.0.0.1:${options.port}`,
    fault: faults.begin,
    setFlags: (userId, changed) => void flags.set(userId, { ...flags.get(userId), ...changed }),
    inspect: upstream.inspect,
    keep: (method, args, validateAs) => add({ ...begun(method, args, validateAs), fault: null, reply: null }),
    stop: async () => {
      schedule.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
};

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
