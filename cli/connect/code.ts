import { exitCodes, Stopped } from '../terminal.ts';

/**
 * A code as people give it: the code itself, or the whole link that Slack showed.
 * @returns the code, and the API's origin where the link names it
 */
export function readCode(given: string): { readonly code: string; readonly api?: string } {
  const text = given.trim();
  if (!URL.canParse(text)) return { code: text };
  const url = new URL(text);
  const code = url.hash.slice(1);
  if (!['http:', 'https:'].includes(url.protocol) || code === '') {
    throw new Stopped(
      'That link has no code. Copy the whole link that Slack showed, or the code alone.',
      exitCodes.usage,
    );
  }
  return { code, api: url.origin };
}
