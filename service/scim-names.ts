/** How a SCIM source's names become ours: a userName a handle, a group's displayName a name that policies can use. */
import { groupPattern } from '../policy/selectors.ts';

/** As HR's hook takes them. */
const handleForm = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]*$/u;
const longestHandle = 200;

/**
 * A userName is the handle in small letters: the key of a person across all sources. With a domain, `amara@acme.example`
 * is `amara`, and a userName of another domain stays whole.
 * @returns undefined for what can be no handle
 */
export function handleFrom(userName: string, domain?: string): string | undefined {
  const whole = userName.normalize('NFC').trim().toLowerCase();
  const tail = domain === undefined ? undefined : `@${domain.toLowerCase()}`;
  const handle = tail !== undefined && whole.endsWith(tail) ? whole.slice(0, -tail.length) : whole;
  return handle.length <= longestHandle && handleForm.test(handle) ? handle : undefined;
}

/**
 * `Data Owners (EU)` is `data-owners-eu`: small letters without accents, and a hyphen in place of what a group's name
 * cannot hold. Nothing is cut off, for two names could become one.
 * @returns undefined for what can be no name
 */
export function groupNameFrom(display: string): string | undefined {
  if (display.length > 500) return undefined;
  const name = display
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[-._]+|-+$/g, '');
  return groupPattern.test(name) ? name : undefined;
}
