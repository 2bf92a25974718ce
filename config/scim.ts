/** SCIM: what processes that take it are told. Its tokens stand in the store. */
import { optional } from './field.ts';
import { form } from './forms.ts';

const domain = form((text) =>
  /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/.test(text) && text.length <= 253
    ? { value: text }
    : { wrong: 'is not a domain in small letters' },
);

export const scimShape = {
  CURFEW_SCIM_USER_DOMAIN: optional(domain, {
    what: 'domain taken off SCIM userNames: with acme.example, amara@acme.example has the handle amara; unset: handles are whole userNames',
    mend: 'Set it to the domain of your userNames, e.g. acme.example, or leave it unset.',
  }),
} as const;
