/** What a person reads of Block Kit on a terminal: its texts, line by line, without markup. */
import { asObjects } from './block-kit.ts';

const holders = [
  'text',
  'fields',
  'elements',
  'label',
  'element',
  'options',
  'accessory',
  'title',
  'placeholder',
] as const;

/** Texts in reading order; a link shows its address. */
export function shownText(blocks: unknown): string {
  const lines: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk);
    const [node] = asObjects(value);
    if (!node) return;
    if (typeof node['text'] === 'string') lines.push(plain(node['text']));
    else for (const name of holders) walk(node[name]);
    if (typeof node['url'] === 'string') lines.push(node['url']);
  };
  walk(blocks);
  return lines.filter((line) => line.trim() !== '').join('\n');
}

/** https://docs.slack.dev/messaging/formatting-message-text */
const plain = (text: string): string =>
  text
    .replaceAll(/<!date\^(\d+)\^[^|>]*\|([^>]*)>/g, (_all, seconds: string) =>
      new Date(Number(seconds) * 1_000).toLocaleString(),
    )
    .replaceAll(/<([^|>]*)\|([^>]*)>/g, '$2')
    .replaceAll(/<([@#!][^>]*|https?:[^>]*)>/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
