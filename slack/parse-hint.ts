/** What somebody may have meant whose line is no request: a word that is misspelt, or that has another place. */
import { nearest } from '../policy/issue.ts';
import { command } from './ids.ts';

const words = ['help', 'status', 'mine', 'end', 'away', 'code', 'link', 'breakglass'];

const onCard = 'Press Review, on the card or in the Home tab.';
const withButton = (button: string): string => `Press ${button}, in your direct message or in the Home tab.`;

/** Words of the command line, and of other tools like this one. */
const elsewhere: Readonly<Record<string, string>> = {
  approve: onCard,
  deny: onCard,
  review: onCard,
  extend: withButton('Extend'),
  claim: withButton('Claim'),
  connect: withButton('Claim'),
  cancel: withButton('Withdraw'),
  withdraw: withButton('Withdraw'),
  release: `Did you mean ${command} end?`,
  done: `Did you mean ${command} end?`,
  list: `Did you mean ${command} mine?`,
  requests: `Did you mean ${command} mine?`,
  back: `Did you mean ${command} away off?`,
};

/** @returns `problem`, with or instead of which a hint is said where the line's first word gives one */
export function withHint(first: string, problem: string): string {
  const word = first.toLowerCase();
  const other = Object.hasOwn(elsewhere, word) ? elsewhere[word] : undefined;
  if (other !== undefined) return other;
  const near = nearest(word, words);
  return near === undefined ? problem : `Did you mean ${command} ${near}? ${problem}`;
}
