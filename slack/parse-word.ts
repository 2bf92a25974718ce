/**
 * The words behind `/curfew` that are not a request: `status`, `mine`, `away`, `end`, `code`, `link`, `help`. A word with
 * more behind it than it takes is none of these, so that a target may have such a name.
 */

/** A request's id as people see it, or whole. All as typed. */
export type Word =
  | { readonly kind: 'help' }
  | { readonly kind: 'mine' }
  | { readonly kind: 'status'; readonly request?: string }
  | { readonly kind: 'end'; readonly request?: string }
  | { readonly kind: 'code' }
  | { readonly kind: 'link'; readonly code: string }
  | { readonly kind: 'away'; readonly until: string; readonly delegate?: string }
  | { readonly kind: 'back' }
  /** A word that was meant, and lacks something. */
  | { readonly kind: 'unclear'; readonly problem: string };

/** `<@U0123|name>`, as Slack sends a person who was mentioned. */
const mention = /^<@([UW][A-Z0-9]{2,20})(?:\|[^>]*)?>$/;
const requestPattern = /^(?:[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/i;

/** @param line as Slack sent it, mentions and all @returns undefined where it is none of these words */
export function readWord(line: string): Word | undefined {
  const [first = '', ...rest] = line.split(/\s+/);
  const word = first.toLowerCase();
  if (word === 'away') return away(rest);
  if (word === 'link' && rest.length <= 1) {
    const [code] = rest;
    return code === undefined
      ? { kind: 'unclear', problem: 'The code is missing: it is what an administrator gave you.' }
      : { kind: 'link', code };
  }
  if (word === 'status' || word === 'end') return about(word, rest);
  if (rest.length > 0) return undefined;
  if (word === 'help' || word === '?' || word === '--help') return { kind: 'help' };
  return word === 'mine' || word === 'code' ? { kind: word } : undefined;
}

function about(kind: 'status' | 'end', rest: readonly string[]): Word | undefined {
  const [request, ...more] = rest;
  if (request === undefined) return { kind };
  if (more.length > 0) return undefined;
  return requestPattern.test(request)
    ? { kind, request: request.toLowerCase() }
    : { kind: 'unclear', problem: 'A request is named by its first eight characters, such as 1a2b3c4d.' };
}

/** `until monday`, `until monday delegate @somebody`, `off`. */
function away(rest: readonly string[]): Word {
  const [first = '', ...words] = rest;
  if (/^(?:off|back)$/i.test(first) && words.length === 0) return { kind: 'back' };
  if (first.toLowerCase() !== 'until') {
    return { kind: 'unclear', problem: 'Say until when, such as: away until monday. Or: away off.' };
  }
  const at = words.findIndex((word) => /^(?:delegate|delegates|delegated)$/i.test(word));
  const until = (at < 0 ? words : words.slice(0, at)).join(' ');
  if (until === '') return { kind: 'unclear', problem: 'Until when? A weekday, a date such as 2026-12-24, or 3d.' };
  if (at < 0) return { kind: 'away', until };
  const named = words.slice(at + 1).filter((word) => word.toLowerCase() !== 'to');
  const delegate = named.length === 1 ? mention.exec(named[0] ?? '')?.[1] : undefined;
  return delegate === undefined
    ? { kind: 'unclear', problem: 'Choose the delegate from the list that Slack shows after @: one person.' }
    : { kind: 'away', until, delegate };
}
