/** What an address asks for, RFC 7644 section 3.4.2; each checked before the library sees it. */
import type { Request } from 'express';
import type { Fields } from './payload.ts';

export type Query = {
  readonly filter?: string;
  /** From 1. */
  readonly startIndex: number;
  readonly count: number;
  readonly attributes?: string;
  readonly excludedAttributes?: string;
};

/** Of one page. */
export const mostResults = 200;
const usualResults = 100;
const names = /^[A-Za-z$][\w$:.-]{0,200}(?: *, *[A-Za-z$][\w$:.-]{0,200}){0,29}$/;

/** @returns the name of the parameter that cannot be meant */
export function queryOf(url: string): Query | { readonly wrong: 'filter' | 'startIndex' | 'count' | 'attributes' } {
  const at = url.indexOf('?');
  const given = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  const filter = given.get('filter') ?? undefined;
  if (filter?.trim() === '') return { wrong: 'filter' };
  const startIndex = wholeNumber(given.get('startIndex'), 1);
  if (startIndex === undefined) return { wrong: 'startIndex' };
  const count = wholeNumber(given.get('count'), usualResults);
  if (count === undefined) return { wrong: 'count' };
  const attributes = given.get('attributes') ?? undefined;
  const excludedAttributes = given.get('excludedAttributes') ?? undefined;
  if ([attributes, excludedAttributes].some((list) => list !== undefined && !names.test(list.trim())))
    return { wrong: 'attributes' };
  return {
    startIndex: Math.max(1, startIndex),
    count: Math.min(Math.max(0, count), mostResults),
    ...(filter === undefined ? {} : { filter }),
    ...(attributes === undefined ? {} : { attributes: attributes.trim() }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes: excludedAttributes.trim() }),
  };
}

const wholeNumber = (text: string | null, usual: number): number | undefined =>
  text === null || text === '' ? usual : /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;

/** The part that the library reads: which attributes to show. */
export const attributesOf = ({ attributes, excludedAttributes }: Query): Fields => ({
  ...(attributes === undefined ? {} : { attributes }),
  ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
});

/** Are members asked for? A group of thousands is slow to read, and most clients leave them out. */
export const wantsMembers = ({ attributes, excludedAttributes }: Query): boolean =>
  attributes === undefined ? !namesMembers(excludedAttributes) : namesMembers(attributes);

const namesMembers = (list: string | undefined): boolean =>
  list?.toLowerCase().split(/ *, */).includes('members') ?? false;

/** Express 5 reads the query anew at each look, and this application parses none: the library is given its own. */
export const setQuery = (request: Request, value: object): unknown =>
  Object.defineProperty(request, 'query', { value, writable: true, configurable: true });
