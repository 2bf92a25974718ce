/** SCIM's own bodies for what went wrong, RFC 7644 section 3.12. */
import type { Response } from 'express';
import { errors, isRefusal, type Refusal } from '../../domain/errors.ts';
import { isScimRefusal, type ScimRefusal } from '../../service/contract-scim.ts';

export type ScimFailure = { readonly status: number; readonly scimType?: string; readonly detail: string };

const whys = {
  unknown: { status: 404 },
  uniqueness: { status: 409, scimType: 'uniqueness' },
  invalidValue: { status: 400, scimType: 'invalidValue' },
  mutability: { status: 400, scimType: 'mutability' },
} as const;

export const failureOf = (refusal: ScimRefusal | Refusal): ScimFailure =>
  isRefusal(refusal)
    ? {
        status: errors[refusal.code].http,
        detail: refusal.message,
        ...(refusal.code === 'InvalidInput' ? { scimType: 'invalidValue' } : {}),
      }
    : { ...whys[refusal.why], detail: refusal.message };

export const isFailed = (answer: unknown): answer is ScimRefusal | Refusal =>
  isScimRefusal(answer) || isRefusal(answer);

/** Asks for patience where trying again may help: clients of SCIM go by it. */
export function sendFailure(response: Response, { status, scimType, detail }: ScimFailure): void {
  if (status === 503) response.setHeader('Retry-After', '1');
  response.status(status).type('application/scim+json');
  response.send(
    JSON.stringify({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(status),
      ...(scimType === undefined ? {} : { scimType }),
      detail,
    }),
  );
}

export const wrongQuery = (name: string): ScimFailure => ({
  status: 400,
  scimType: name === 'filter' ? 'invalidFilter' : 'invalidValue',
  detail: `The parameter ${name} is not what it can be.`,
});
