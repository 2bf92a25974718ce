/** What a person reads of Block Kit on a terminal: its texts, line by line, without markup. Buttons stand apart. */
import { asArray, asObjects, textOf, type Json } from './block-kit.ts';

/** Texts in reading order. */
export const shownText = (blocks: unknown): string =>
  asArray(blocks)
    .flatMap(linesOf)
    .filter((line) => line.trim() !== '')
    .join('\n');

/** A plain or marked text object, as it is read. */
export const shownLine = (text: unknown): string => {
  const [node] = asObjects(text);
  if (typeof node?.['text'] !== 'string') return '';
  return node['type'] === 'mrkdwn' ? plain(node['text']) : node['text'];
};

function linesOf(block: Json): readonly string[] {
  switch (block['type']) {
    case 'actions':
      return [];
    case 'context':
      return [asArray(block['elements']).map(shownLine).join(' · ')];
    case 'input':
      return [inputOf(block)];
    default:
      // A field is a name, and its value on the next line.
      return [shownLine(block['text']), ...asArray(block['fields']).map((one) => shownLine(one).replace('\n', ': '))];
  }
}

/** `role=read  (Role: read, write)`: the word that names an input is the end of its action id. */
function inputOf(block: Json): string {
  const [element = {}] = asObjects(block['element']);
  const name = String(element['action_id']).replace(/^.*:/, '');
  const chosen = asObjects(element['initial_option']).map(textOf)[0] ?? element['initial_value'];
  const offered = asArray(element['options']).map((option) => String(option['value']));
  const label = [shownLine(block['label']), ...(offered.length > 0 ? [offered.join(', ')] : [])].join(': ');
  return `${name}=${typeof chosen === 'string' ? chosen : ''}  (${label})`;
}

/** https://docs.slack.dev/messaging/formatting-message-text */
const plain = (text: string): string =>
  text
    .replaceAll(/<!date\^(\d+)\^([^|>]*)\|[^>]*>/g, (_all, seconds: string, form: string) =>
      form.replaceAll(/\{(\w+)\}/g, (_token, token: string) => dated(Number(seconds) * 1_000, token)),
    )
    .replaceAll(/<([^|>]*)\|([^>]*)>/g, '$2')
    .replaceAll(/<([@#!][^>]*|https?:[^>]*)>/g, '$1')
    .replaceAll(/(^|\s):[a-z_]+: /gm, '$1')
    .replaceAll(/\*([^*\n]+)\*/g, '$1')
    .replaceAll(/(?<!\w)_([^_\n]+)_(?!\w)/g, '$1')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

/** In this terminal's time zone; of today only the time, as Slack has it. */
function dated(at: number, token: string): string {
  const day = new Date(at).toDateString();
  if (token === 'time_secs') return clockTime(at);
  if (token === 'time') return clockTime(at).slice(0, 5);
  return day === new Date().toDateString() ? 'today' : day;
}

/** `14:02:07`, whatever the machine's language. */
export const clockTime = (at: number): string => new Date(at).toTimeString().slice(0, 8);
