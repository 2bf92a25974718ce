/**
 * An HTTP proxy before the emulator: the address that the app, the worker and the driver know as Slack's Web API. It
 * keeps every call, holds each against the validator, can misbehave on demand, and adds what the emulator lacks:
 * stable ids, account flags, delivery of scheduled messages, Slack's answer to an unknown method.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../trouble.ts';
import { parseJson, type Fault, type SlackCall, type SlackReply } from './calls.ts';
import { invalidAuth, learnDirectMessage, refusal, replyOf, withFlags, type AccountFlags } from './answers.ts';
import { readExchange, send, type Exchange } from './exchange.ts';
import { inspectorToken, tokenForCall } from './emulator.ts';
import { scheduledMessages } from './scheduled.ts';
import type { StableIds } from './stable-ids.ts';

/** One line for each thing wrong with the call's arguments; none if Slack would take them. */
export type ValidateCall = (call: Pick<SlackCall, 'method' | 'args'>) => readonly string[];

export type Recorder = {
  readonly url: string;
  /** Every call, oldest first; of one method where it is named. */
  readonly calls: (method?: string) => readonly SlackCall[];
  /** The first call for which `wanted` is true, among those already made and those to come. Rejects after the time. */
  readonly waitFor: (wanted: (call: SlackCall) => boolean, withinMs?: number) => Promise<SlackCall>;
  /** What the validator found, each with its call. */
  readonly problems: () => readonly string[];
  readonly onCall: (listener: (call: SlackCall) => void) => () => void;
  /** Begins a fault; call what it returns to end it. The newest that fits is met. */
  readonly fault: (fault: Fault) => () => void;
  readonly forget: () => void;
  readonly setFlags: (userId: string, flags: AccountFlags) => void;
  /** A call of the driver's own: with every scope, never recorded, never at fault. Throws when Slack says no. */
  readonly inspect: (method: string, args: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>>;
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
  const calls: SlackCall[] = [];
  const listeners = new Set<(call: SlackCall) => void>();
  const faults: { fault: Fault; left: number }[] = [];
  const flags = new Map<string, AccountFlags>();
  let seq = 0;
  let inspected = 0;

  const keep = (call: SlackCall): void => {
    calls.push(call);
    for (const listener of listeners) listener(call);
  };

  const forward = async (
    exchange: Pick<Exchange, 'method' | 'contentType' | 'body'>,
    authorization: string,
  ): Promise<SlackReply> => {
    const response = await fetch(`${options.emulatorUrl}/api/${exchange.method}`, {
      method: 'POST',
      headers: { authorization, 'content-type': exchange.contentType },
      body: options.ids.toRaw(exchange.body),
      signal: AbortSignal.timeout(10_000),
    });
    const body = parseJson(options.ids.toStable(await response.text()));
    if (response.status === 404)
      return { status: 200, body: { ok: false, error: 'unknown_method', req_method: exchange.method } };
    return {
      status: response.status,
      body: learnDirectMessage(exchange, withFlags(body as Record<string, unknown>, flags), options.ids),
    };
  };

  const inspect: Recorder['inspect'] = async (method, args) => {
    inspected += 1;
    const { body } = await forward(
      { method, contentType: 'application/json', body: JSON.stringify(args) },
      `Bearer ${tokenForCall(inspectorToken, inspected)}`,
    );
    if (body['ok'] !== true) throw new Error(`Slack's ${method} said ${String(body['error'])}`);
    return body;
  };
  const schedule = scheduledMessages(inspect);

  const takeFault = (method: string): Fault | null => {
    const met = faults.findLast(({ fault, left }) => left > 0 && (fault.methods ?? [method]).includes(method));
    if (met === undefined) return null;
    met.left -= 1;
    return met.fault;
  };

  const answer = async (exchange: Exchange, response: ServerResponse): Promise<void> => {
    seq += 1;
    const { method, args } = exchange;
    const call = { seq, at: Date.now(), method, args };
    const fault = takeFault(method);
    const problems = options.validate({ method, args });
    if (fault !== null && fault.kind !== 'reply-lost') {
      const reply = replyOf(fault);
      keep({ ...call, problems, fault: fault.kind, reply });
      if (reply === null) return hang(response, (fault as { forMs: number }).forMs);
      return send(
        response,
        reply,
        fault.kind === 'rate-limited' ? { 'retry-after': String(fault.retryAfterSeconds) } : {},
      );
    }
    // The emulator takes a token that it does not know for its first user's; Slack does not.
    const authorized = exchange.authorization === `Bearer ${options.botToken}`;
    const reply = !authorized
      ? invalidAuth
      : problems.length > 0
        ? refusal(problems)
        : await forward(exchange, `Bearer ${tokenForCall(options.botToken, seq)}`);
    schedule.note(method, args, reply.body);
    keep({ ...call, problems, fault: fault?.kind ?? null, reply });
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
    url: `http://127.0.0.1:${options.port}`,
    calls: (method) => (method === undefined ? [...calls] : calls.filter((call) => call.method === method)),
    waitFor: (wanted, withinMs = 10_000) => waitForCall(calls, listeners, wanted, withinMs),
    problems: () =>
      calls.flatMap((call) => call.problems.map((problem) => `${call.method} (call ${call.seq}): ${problem}`)),
    onCall: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    fault: (fault) => {
      const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
      faults.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    forget: () => void calls.splice(0),
    setFlags: (userId, changed) => void flags.set(userId, { ...flags.get(userId), ...changed }),
    inspect,
    keep: (method, args, validateAs) => {
      seq += 1;
      keep({
        seq,
        at: Date.now(),
        method,
        args,
        problems: options.validate({ method: validateAs, args }),
        fault: null,
        reply: null,
      });
    },
    stop: async () => {
      schedule.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
};

const hang = async (response: ServerResponse, forMs: number): Promise<void> => {
  await pause(forMs, undefined, { ref: false });
  response.destroy();
};

const waitForCall = (
  calls: readonly SlackCall[],
  listeners: Set<(call: SlackCall) => void>,
  wanted: (call: SlackCall) => boolean,
  withinMs: number,
): Promise<SlackCall> => {
  const made = calls.find(wanted);
  if (made !== undefined) return Promise.resolve(made);
  return new Promise((resolve, reject) => {
    const listener = (call: SlackCall): void => {
      if (!wanted(call)) return;
      clearTimeout(timer);
      listeners.delete(listener);
      resolve(call);
    };
    const timer = setTimeout(() => {
      listeners.delete(listener);
      const last = calls
        .slice(-5)
        .map((call) => call.method)
        .join(', ');
      reject(new Error(`no such call to Slack within ${withinMs} ms; the last ones: ${last === '' ? 'none' : last}`));
    }, withinMs);
    listeners.add(listener);
  });
};

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
