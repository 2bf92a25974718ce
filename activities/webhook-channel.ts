import { Webhook as Signer } from 'standardwebhooks';
import { CurfewError } from '../domain/errors.ts';
import { secondMs } from '../domain/time.ts';

/** What a receiver is told. `data`: ids, codes, counts and instants; no names, no reasons, no secrets (I12). */
export type WebhookMessage = {
  /** The same at each attempt, so that a receiver can drop what it has: letters, digits, `_` and `-`, at most 100. */
  readonly id: string;
  /** e.g. `alarm.raised`. */
  readonly type: string;
  readonly data: unknown;
  /** When it happened, epoch ms. */
  readonly at?: number;
};

export type Webhook = {
  /** @throws CurfewError `NotConfirmed` unless it was taken (2xx, in time): to be sent again, with the same id */
  post(message: WebhookMessage): Promise<void>;
};

export type WebhookOptions = {
  readonly url: string;
  /** Each signs, so that the receiver may go over from one to the next without a gap. */
  readonly secrets: readonly string[];
  /** 5 s where absent. */
  readonly timeoutMs?: number;
  readonly clock?: () => number;
};

/** Ids are part of what is signed, joined by dots to the stamp and the body; without dots there is one reading only. */
const idPattern = /^[A-Za-z0-9_-]{1,100}$/;

/**
 * Posts to one address, signed as Standard Webhooks has it (standardwebhooks.com). A redirect is not followed: what is
 * signed for one receiver is nobody else's, and a page that says "sign in" has taken nothing.
 * @throws Error for no secret, or one that signs nothing
 */
export function createWebhook({ url, secrets, timeoutMs = 5 * secondMs, clock = Date.now }: WebhookOptions): Webhook {
  if (secrets.length === 0) throw new Error('a webhook needs a secret');
  const signers = secrets.map((secret) => new Signer(secret));
  return {
    async post({ id, type, data, at }) {
      if (!idPattern.test(id)) throw new TypeError('a message id that a signature cannot hold');
      const stamp = new Date(clock());
      const body = JSON.stringify({
        type,
        ...(at === undefined ? {} : { timestamp: new Date(at).toISOString() }),
        data,
      });
      const status = await send(url, timeoutMs, body, {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(stamp.getTime() / 1_000)),
        'webhook-signature': signers.map((signer) => signer.sign(id, stamp, body)).join(' '),
      });
      if (status >= 200 && status < 300) return;
      const said = status >= 300 && status < 400 ? 'redirects, which is not followed' : `answered ${status}`;
      throw new CurfewError('NotConfirmed', `The webhook ${said}.`);
    },
  };
}

/** @returns the status; the body is not read: nothing in it would change what is done next */
async function send(
  url: string,
  timeoutMs: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'curfew', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    // NB. The cause may quote the address, and addresses of webhooks often hold a token (I12).
    throw new CurfewError('NotConfirmed', 'The webhook was not reached, or did not answer in time.');
  }
}
