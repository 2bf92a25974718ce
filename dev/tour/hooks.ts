/** What other systems of the company say over HTTP: signed webhooks of HR and of the incident tool. */
import { Webhook } from 'standardwebhooks';
import { apiUrl } from '../stack/environments.ts';
import { must } from './report.ts';
import type { Stage } from './stage.ts';

export type Delivered = { readonly delivery: string; readonly sentAt: number; readonly status: number };

/** Somebody's handle, and what HR says of them now. @throws where it is not taken */
export const hrSays = (stage: Stage, handle: string, state: 'left' | 'suspended' | 'active'): Promise<Delivered> =>
  post(stage, '/hooks/hr/default', stage.stack.settings.secrets.hrSecret, {
    type: `person.${state}`,
    data: { handle, version: Date.now() },
  });

/** The incident's tool says that it is over. @throws where it is not taken */
export const incidentResolved = (stage: Stage, key: string): Promise<Delivered> =>
  post(stage, '/hooks/conditions', stage.stack.settings.secrets.conditionsSecret, {
    type: 'incident.closed',
    data: { key },
  });

export type LeaveReport = {
  readonly safe: boolean;
  readonly safeAfterMs: number | null;
  readonly learnedAt: number;
  readonly ends: readonly { readonly requestId: string; readonly outcome: string | null }[];
};

/** How far a leaving is, asked as HR would, until nothing of it is left on any node. */
export function untilSafe(stage: Stage, delivery: string): Promise<LeaveReport> {
  const { settings } = stage.stack;
  return stage.waitFor('nothing of theirs left', async () => {
    const response = await fetch(`${apiUrl(settings)}/hooks/hr/default/${delivery}`, {
      headers: signed(settings.secrets.hrSecret, delivery, ''),
    });
    const report = (await response.json()) as LeaveReport;
    return response.ok && report.safe && report;
  });
}

async function post({ stack: { settings } }: Stage, path: string, secret: string, event: object): Promise<Delivered> {
  const delivery = `msg_${crypto.randomUUID()}`;
  const body = JSON.stringify(event);
  const sentAt = Date.now();
  const response = await fetch(`${apiUrl(settings)}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed(secret, delivery, body) },
    body,
  });
  must(response.ok, `${path} answered ${response.status}: ${await response.text()}`);
  return { delivery, sentAt, status: response.status };
}

/** As Standard Webhooks has it. */
function signed(secret: string, id: string, body: string): Readonly<Record<string, string>> {
  const at = new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}
