/** A file of sources in the shapes of several vendors, and deliveries signed as each of them signs. */
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { parseSources } from '../../directory/parse.ts';
import type { SourceSpec } from '../../directory/spec.ts';

export const secrets = {
  acme: `whsec_${Buffer.alloc(24, 11).toString('base64')}`,
  bamboo: 'a-secret-of-the-first-vendor',
  bambooOld: 'an-older-secret-of-the-first-vendor',
  bob: 'a-secret-of-the-second-vendor',
  hub: 'a-secret-of-the-third-vendor',
  okta: 'Bearer a-secret-of-okta-0001',
} as const;

export const sourcesText = `version: 1
sources:
  acme:
    hook: { secrets: ['${secrets.acme}'] }
  bamboo:
    domain: acme.example
    hook:
      preset: bamboohr
      secrets: ['${secrets.bamboo}', '${secrets.bambooOld}']
      event:
        handle: /fields/login/value
        version: /fields/changed/value
        effectiveAt: /fields/terminationDate/value
        days: { zone: Europe/Oslo, at: '17:00' }
  bob:
    hook:
      preset: hibob
      secrets: ['${secrets.bob}']
      event:
        handle: /employee/login
        effectiveAt: /data/lastDay
        delivery: /id
  hub:
    hook:
      preset: github
      secrets: ['${secrets.hub}']
      signature: { content: '{id}.{body}', id: { header: X-Hub-Delivery } }
      event:
        handle: /employee/login
        types: { offboarded: left, leave: suspended, returned: active }
        version: /sequence
  okta:
    domain: acme.example
    okta: { authorization: ['${secrets.okta}', 'Bearer an-older-secret-of-okta'] }
`;

/** @throws Error with what is wrong */
export function sourcesOf(text: string): readonly SourceSpec[] {
  const parsed = parseSources(text, 'sources.yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues, null, 2));
  return parsed.sources;
}

type Signed = { readonly body: string; readonly headers: Readonly<Record<string, string>> };
export type SignedAs = { readonly id: string; readonly at: number; readonly secret?: string };
export type Says = {
  readonly handle: string;
  readonly state: 'left' | 'suspended' | 'active';
  readonly version: number;
};

export type Vendor = 'acme' | 'bamboo' | 'bob' | 'hub';
export const vendors: readonly Vendor[] = ['acme', 'bamboo', 'bob', 'hub'];

/** Milliseconds in which a repeat of a delivery, or one that was made earlier, is still taken; undefined: for ever. */
export const toleranceMs: Readonly<Record<Vendor, number | undefined>> = {
  acme: 300_000,
  bamboo: 300_000,
  bob: undefined,
  hub: undefined,
};

const hmac = (algorithm: string, secret: string, content: string, encoding: 'hex' | 'base64'): string =>
  createHmac(algorithm, secret).update(content).digest(encoding);

/** The body by which a vendor says it. */
export const bodyOf: Readonly<Record<Vendor, (says: Says, id: string) => unknown>> = {
  acme: ({ handle, state, version }) => ({ type: `person.${state}`, data: { handle, version } }),
  bamboo: ({ handle, state, version }) => ({
    employees: [
      {
        fields: {
          login: { value: `${handle.toUpperCase()}@Acme.example` },
          status: { value: state === 'active' ? 'Active' : 'Inactive' },
          changed: { value: String(version) },
        },
      },
    ],
  }),
  bob: ({ handle, state, version }, id) => ({
    id,
    type: state === 'active' ? 'employee.joined' : 'employee.left',
    triggeredAt: new Date(version).toISOString(),
    employee: { login: handle },
  }),
  hub: ({ handle, state, version }) => ({
    action: { left: 'offboarded', suspended: 'leave', active: 'returned' }[state],
    sequence: version,
    employee: { login: handle },
  }),
};

/** Signs a body as a vendor does. */
export function signedAs(vendor: Vendor, body: string, { id, at, secret = secrets[vendor] }: SignedAs): Signed {
  const stamp = String(Math.floor(at / 1_000));
  switch (vendor) {
    case 'acme':
      return {
        body,
        headers: {
          'webhook-id': id,
          'webhook-timestamp': stamp,
          'webhook-signature': new Webhook(secret).sign(id, new Date(at), body),
        },
      };
    case 'bamboo':
      return {
        body,
        headers: {
          'x-bamboohr-timestamp': stamp,
          'x-bamboohr-signature': hmac('sha256', secret, body + stamp, 'hex'),
        },
      };
    case 'bob':
      return { body, headers: { 'bob-signature': hmac('sha512', secret, body, 'base64') } };
    case 'hub':
      return {
        body,
        headers: {
          'x-hub-delivery': id,
          'x-hub-signature-256': `sha256=${hmac('sha256', secret, `${id}.${body}`, 'hex')}`,
        },
      };
  }
}
