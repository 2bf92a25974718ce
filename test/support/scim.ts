/** A SCIM client over a company's HTTP surface, with tokens made as the command makes them. */
import { randomUUID } from 'node:crypto';
import { dayMs } from '../../domain/time.ts';
import { makeToken } from '../../service/scim-secret.ts';
import { scimUseCases, type ScimOptions } from '../../service/scim.ts';
import { insert, scimScopes, type ScimScope, type ScimToken } from '../../store/scim-tokens.ts';
import type { Company } from './company.ts';
import { serve, type TestApi } from './http.ts';

export type ScimAnswered = {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
};

export type ScimClient = {
  readonly api: TestApi;
  readonly token: string;
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<ScimAnswered>;
  /** Makes somebody, and hands back their id. */
  user(userName: string, more?: object): Promise<string>;
  group(displayName: string, members?: readonly string[]): Promise<string>;
  patch(path: string, ...operations: readonly object[]): Promise<ScimAnswered>;
  end(): Promise<void>;
};

export async function plantToken(company: Company, change: Partial<ScimToken> = {}): Promise<string> {
  const { shown, hash } = makeToken();
  await company.store.as.curfew_admin.transaction((tx) =>
    insert(tx, {
      id: randomUUID(),
      source: 'scim-okta',
      scopes: scimScopes,
      inactive: 'suspended',
      expiresAt: Date.now() + dayMs,
      hash,
      ...change,
    }),
  );
  return shown;
}

export async function openScim(
  company: Company,
  change: {
    readonly scopes?: readonly ScimScope[];
    readonly inactive?: 'suspended' | 'left';
    readonly source?: string;
  } = {},
  options: ScimOptions = {},
): Promise<ScimClient> {
  const token = await plantToken(company, change);
  const publicUrl = 'https://curfew.example';
  const api = await serve(company, [], { scim: { useCases: scimUseCases(company.ctx, options), publicUrl } });
  const client = scimClient(api, token);
  return client;
}

/** The same server with another token. */
export function scimClient(api: TestApi, token: string): ScimClient {
  const send: ScimClient['send'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${api.origin}/scim/v2${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { status: response.status, body: parsed, headers: response.headers };
  };
  const made = async (path: string, body: object): Promise<string> => {
    const answer = await send('POST', path, body);
    if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
    return String(answer.body['id']);
  };
  return {
    api,
    token,
    send,
    user: (userName, more = {}) =>
      made('/Users', { schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'], userName, active: true, ...more }),
    group: (displayName, members = []) =>
      made('/Groups', {
        schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
        displayName,
        members: members.map((value) => ({ value })),
      }),
    patch: (path, ...Operations) =>
      send('PATCH', path, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations }),
    end: () => api.end(),
  };
}
