/**
 * `npm run as -- PERSON ...`: plays a person of the sample company in the emulated Slack of a running `npm start`. What
 * it does reaches Curfew as Slack would send it: signed, over HTTP.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { actions } from '../slack/ids.ts';
import type { DevJson } from './stack/describe.ts';
import type { DeskAnswer, DeskCall, Seen } from './slack/desk.ts';
import { messageOf } from './trouble.ts';

const usage = `npm run as -- PERSON WORDS

  see                       what this person sees, newest last, with the buttons they could press
  approve                   opens Review of the newest card and approves
  deny REASON               the same, and denies
  claim                     presses Claim in the newest message that has it
  done | withdraw | end     "I'm done"; withdraw a request; "End now" on the newest card
  press ACTION              presses the newest button of that action, as \`see\` shows it
  anything else             typed after /curfew, e.g. orders-prod read 15m because INC-12 slow checkout

Examples
  npm run as -- amara "orders-prod read 15m because INC-12 slow checkout"
  npm run as -- priya approve
  npm run as -- jonas 'breakglass orders-prod write INC-12 "checkout down"'
`;

const [as, word = 'see', ...rest] = process.argv.slice(2);
if (as === undefined || as === '--help' || as === '-h') {
  process.stdout.write(usage);
  process.exit(as === undefined ? 2 : 0);
}

const dev = running();
if (!dev.people.some((person) => person.handle === as)) {
  stop(`nobody here is called ${as}; there are ${dev.people.map((person) => person.handle).join(', ')}`);
}
const before = new Set((await ask('/see')).messages.map(keyOf));
const answer = await perform();
for (const message of answer.messages.filter((one) => word === 'see' || !before.has(keyOf(one))).toReversed()) {
  process.stdout.write(`${shown(message)}\n`);
}
if (answer.modal) process.stdout.write(`[open form: ${answer.modal.title}]\n${answer.modal.text}\n`);
for (const [field, text] of Object.entries(answer.errors)) process.stdout.write(`${field}: ${text}\n`);
process.exitCode = Object.keys(answer.errors).length > 0 ? 1 : 0;

async function perform(): Promise<DeskAnswer> {
  switch (word) {
    case 'see':
      return ask('/see');
    case 'approve':
    case 'deny': {
      await ask('/press', { action: actions.review });
      const why = rest.length > 0 ? { [actions.why]: rest.join(' ') } : {};
      return ask('/submit', { values: { [actions.verdict]: word, ...why } });
    }
    case 'claim':
      return ask('/press', { action: actions.claim });
    case 'done':
      return ask('/press', { action: actions.release });
    case 'withdraw':
      return ask('/press', { action: actions.withdraw });
    case 'end':
      return ask('/press', { action: actions.endNow });
    case 'press':
      return ask('/press', { action: rest[0] ?? '' });
    default:
      return ask('/slash', { text: [word, ...rest].join(' ') });
  }
}

async function ask(call: DeskCall, input: Readonly<Record<string, unknown>> = {}): Promise<DeskAnswer> {
  try {
    const response = await fetch(`${dev.slack.desk.url}${call}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${dev.slack.desk.secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ as, ...input }),
    });
    const body = (await response.json()) as DeskAnswer & { readonly error?: string };
    return body.error === undefined ? body : stop(body.error);
  } catch (error) {
    return stop(`the emulated Slack does not answer (${messageOf(error)}); is npm start still running?`);
  }
}

function running(): DevJson {
  try {
    return JSON.parse(readFileSync(join(import.meta.dirname, '..', '.curfew', 'dev.json'), 'utf8')) as DevJson;
  } catch {
    return stop('there is no running stack here: run npm start in another terminal first');
  }
}

function keyOf({ where, at, text }: Seen): string {
  return `${where} ${at} ${text}`;
}

function shown({ where, at, text, buttons }: Seen): string {
  const labels = buttons.map((button) => `[${button.label}: ${button.action}]`).join(' ');
  return `--- ${where}, ${new Date(at).toLocaleTimeString()}\n${text}${labels === '' ? '' : `\n${labels}`}`;
}

function stop(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
