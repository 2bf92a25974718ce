import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { makePassword, makeVerifier } from '../../api/page/scram.js';
import { Stopped } from '../terminal.ts';

/** What the API says of a claim; `password` is this process's own and was never sent. */
export type Login = {
  readonly requestId: string;
  readonly role: string;
  readonly host: string;
  readonly port: number;
  readonly databases: readonly string[];
  readonly endAt: number;
  /** Until when new logins are let in: `endAt`, or its grace before it. */
  readonly loginsStopAt: number;
  readonly password: string;
};

const claimed = z.object({
  requestId: z.string(),
  state: z.enum(['granting', 'active', 'ended']),
  outcome: z.string().nullish(),
  role: z.string().regex(/^cfw_[0-9a-f]{32}$/),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  databases: z.array(z.string().min(1)).min(1),
  endAt: z.number(),
  loginsStopAt: z.number().optional(),
});
type Claimed = z.output<typeof claimed>;

/** RFC 9457 problem details, as far as a person is told of them. */
const problem = z.object({ detail: z.string().optional(), title: z.string().optional() });

export type ClaimOptions = {
  /** Origin of the API, without a slash at its end. */
  readonly api: string;
  readonly code: string;
  /** How long the login may take to be there. */
  readonly withinMs?: number;
  /** Told once while it takes longer than a moment. */
  readonly onWait?: () => void;
};

/** One call; the API answers within a second, and a claim waits some seconds for the grant. */
const callMs = 20_000;
const tries = 3;
const askEveryMs = 500;

/**
 * Claims: makes the password here, sends its verifier only, and waits until the login is there. A call that got no
 * answer is repeated with the same verifier, which the API takes as the same claim.
 * @throws Stopped with what the API said, or that it cannot be reached; the code is unspent in the latter case or the
 *   same claim may be repeated only by this process
 */
export async function claim({ api, code, withinMs = 60_000, onWait }: ClaimOptions): Promise<Login> {
  const password = makePassword();
  const verifier = await makeVerifier(password);
  let answer = await post(api, '/claim', { code, verifier });
  const deadline = performance.now() + withinMs;
  if (answer.state === 'granting') onWait?.();
  while (answer.state === 'granting') {
    if (performance.now() > deadline) {
      throw new Stopped(
        'The login is not there yet. The claim holds: its end in Slack tells how it went. Ask again if it failed.',
      );
    }
    await sleep(askEveryMs);
    answer = (await look(api, code)) ?? answer;
  }
  if (answer.state === 'ended') {
    throw new Stopped(`This access is over${answer.outcome ? ` (${answer.outcome})` : ''}. Ask for it again.`);
  }
  const { requestId, role, host, port, databases, endAt, loginsStopAt = endAt } = answer;
  return { requestId, role, host, port, databases, endAt, loginsStopAt, password };
}

/**
 * NB. The code is spent by now and the password is nowhere but here, so an API that is being restarted is waited out:
 * giving up would lose the login.
 * @returns undefined where there was no answer that counts
 */
async function look(api: string, code: string): Promise<Claimed | undefined> {
  const response = await send(api, '/claim/status', { code });
  if (response === undefined || isPassing(response)) return undefined;
  if (!response.ok) throw new Stopped(await whyNot(response));
  return read(response);
}

/** 202: recorded and not confirmed; the same claim again tells more. */
const isPassing = ({ status }: Response): boolean => status === 202 || status >= 502;

async function post(api: string, path: string, body: object): Promise<Claimed> {
  for (let tried = 1; ; tried += 1) {
    const response = await send(api, path, body);
    if (response?.ok && !isPassing(response)) return read(response);
    if ((response === undefined || isPassing(response)) && tried < tries) {
      await sleep(askEveryMs * tried);
      continue;
    }
    if (!response)
      throw new Stopped(`The API at ${api} does not answer. Check the address (--api or CURFEW_API) and try again.`);
    throw new Stopped(await whyNot(response));
  }
}

/** @returns undefined where no answer came */
const send = (api: string, path: string, body: object): Promise<Response | undefined> =>
  fetch(`${api}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(callMs),
  }).catch(() => undefined);

async function read(response: Response): Promise<Claimed> {
  const parsed = claimed.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success)
    throw new Stopped('What answered is not the API of this Curfew. Check the address (--api or CURFEW_API).');
  return parsed.data;
}

async function whyNot(response: Response): Promise<string> {
  const told = problem.safeParse(await response.json().catch(() => undefined));
  const text = told.success ? (told.data.detail ?? told.data.title) : undefined;
  return text ?? `The API answered ${response.status}. Check the address (--api or CURFEW_API).`;
}
