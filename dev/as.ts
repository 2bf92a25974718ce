/**
 * `npm run as -- PERSON ...`: plays a person of the sample company in the emulated Slack of a running `npm start`. What
 * it does reaches Curfew as Slack would send it: signed, over HTTP.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { actions } from '../slack/ids.ts';
import { asSent } from './playground/deeds.ts';
import { runningStack } from './running-stack.ts';
import type { DeskAnswer, DeskCall } from './slack/desk.ts';
import type { Seen } from './slack/seen.ts';
import { clockTime } from './slack/shown.ts';
import { messageOf } from './trouble.ts';

const usage = `npm run as -- PERSON WORDS

  see                       what this person sees, newest last, with the buttons they could press
  approve                   opens Review of the newest card (a request, an extension, a policy) and approves
  deny REASON               the same, and denies
  claim                     presses Claim in the newest message that has it
  done | withdraw | end     "I'm done"; withdraw a request; "End now" on the newest card
  extend                    presses Extend in the newest message that has it
  press BUTTON              presses the newest button with that label, as \`see\` shows it
  form                      opens the request form, as /curfew alone does
  submit NAME=VALUE ...     fills the open form and sends it, e.g. target=orders-prod role=read duration=1h reason="..."
  anything else             typed after /curfew, e.g. orders-prod read 15m because INC-12 slow checkout

Examples
  npm run as -- amara "orders-prod read 15m because INC-12 slow checkout"
  npm run as -- priya approve
  npm run as -- tomas "away until tomorrow delegate @farida"
  npm run as -- jonas 'breakglass orders-prod write INC-12 "checkout down"'
`;
/** What follows from a press reaches Slack a moment later. */
const newsWithinMs = 4_000;
/** And what follows together comes together. */
const settledMs = 600;

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const [as, word = 'see', ...rest] = process.argv.slice(2);
if (as === undefined || as === '--help' || as === '-h') {
  process.stdout.write(usage);
  process.exit(as === undefined ? 2 : 0);
}
const dev = runningStack() ?? stop('no stack is running here: run npm start in another terminal first');
if (!dev.people.some((person) => person.handle === as)) {
  stop(`nobody here is called ${as}; there are ${dev.people.map((person) => person.handle).join(', ')}`);
}

/** Whom Slack offers after `@`. */
const mentionable = dev.people.flatMap(({ handle, slackUserId: id }) => (id === null ? [] : [{ handle, id }]));
const before = await ask('/see');
const known = new Set(before.messages.map((message) => `${placeOf(message)} ${message.text}`));
/** By where and when it was posted: a message that is edited meanwhile is told once, as it is then. */
const news = new Map<string, Seen>();
const first = await perform();
const errors = Object.entries(first.errors);
const last = word === 'see' || errors.length > 0 ? first : await whatFollows(first);
if (word === 'see') for (const message of before.messages) news.set(placeOf(message), message);

for (const message of [...news.values()].toSorted((one, other) => one.at - other.at)) {
  process.stdout.write(`${shown(message)}\n`);
}
const opened = last.modal !== null && (word === 'see' || last.modal.id !== before.modal?.id);
if (last.modal && (opened || errors.length > 0)) {
  const { title, text } = last.modal;
  process.stdout.write(`--- open form: ${title} (npm run as -- ${as} submit NAME=VALUE ...)\n${text}\n`);
}
for (const [field, text] of errors) process.stdout.write(`${field}: ${text}\n`);
if (news.size === 0 && !opened && errors.length === 0) {
  process.stdout.write(word === 'see' ? 'nothing yet\n' : 'sent; nothing new to see\n');
}
if (word === 'claim') for (const code of codesIn(news)) tellConnect(code);
process.exitCode = errors.length > 0 ? 1 : 0;

/** Takes in what is new, until nothing more comes. */
async function whatFollows(answer: DeskAnswer): Promise<DeskAnswer> {
  let latest = answer;
  let until = Date.now() + newsWithinMs;
  for (;;) {
    const formOpened = latest.modal !== null && latest.modal.id !== before.modal?.id;
    const settled = Date.now() + settledMs;
    if (takeIn(latest)) until = settled;
    else if (formOpened) until = Math.min(until, settled);
    if (Date.now() > until) return latest;
    await pause(100);
    latest = await ask('/see');
  }
}

/** @returns whether there was anything that was not known */
function takeIn({ messages }: DeskAnswer): boolean {
  const unknown = messages.filter((message) => !known.has(`${placeOf(message)} ${message.text}`));
  for (const message of unknown) {
    known.add(`${placeOf(message)} ${message.text}`);
    news.set(placeOf(message), message);
  }
  return unknown.length > 0;
}

async function perform(): Promise<DeskAnswer> {
  switch (word) {
    case 'see':
      return before;
    case 'approve':
    case 'deny': {
      await ask('/press', { action: newestReview() });
      const why = rest.length > 0 ? { [actions.why]: rest.join(' ') } : {};
      return ask('/submit', { values: { [actions.verdict]: word, ...why } });
    }
    case 'claim':
      return ask('/press', { action: actions.claim });
    case 'done':
      return ask('/press', { action: actions.release });
    case 'withdraw':
      return ask('/press', { action: actions.withdraw });
    case 'extend':
      return ask('/press', { action: actions.extend });
    case 'end':
      // With nothing behind it the button on a card; `end 1a2b3c4d` is the command's.
      return rest.length > 0
        ? ask('/slash', { text: ['end', ...rest].join(' ') })
        : ask('/press', { action: actions.endNow });
    case 'press':
      return ask('/press', { action: actionOf(rest.join(' ')) });
    case 'form':
      return ask('/slash', { text: '' });
    case 'submit':
      return ask('/submit', { values: valuesOf(rest) });
    default:
      return ask('/slash', { text: asSent([word, ...rest].join(' '), mentionable) });
  }
}

/** Of what waits for somebody's word, the newest. */
function newestReview(): string {
  const kinds: readonly string[] = [actions.review, actions.reviewExtension, actions.reviewProposal];
  const newest = before.messages.toSorted((one, other) => other.at - one.at).flatMap(({ buttons }) => buttons);
  return newest.find(({ action }) => kinds.includes(action))?.action ?? actions.review;
}

/** Of the newest button that is so labelled. */
function actionOf(label: string): string {
  const buttons = before.messages.flatMap((message) => message.buttons);
  const found = buttons.find((one) => one.label.toLowerCase() === label.toLowerCase() || one.action === label);
  const labels = [...new Set(buttons.map((one) => one.label))].join(', ');
  return (
    found?.action ?? stop(`${as} sees no button "${label}"; there ${labels === '' ? 'are none' : `is: ${labels}`}`)
  );
}

function valuesOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  const { modal } = before;
  if (modal === null) return stop(`${as} has no form open; open one with: npm run as -- ${as} form`);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      const field = modal.fields.find((each) => each.endsWith(`:${name}`));
      const names = modal.fields.map((each) => each.replace(/^.*:/, '')).join(', ');
      return [field ?? stop(`the form has no ${name}; it has ${names}`), value.join('=')];
    }),
  );
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

function placeOf({ where, at }: Seen): string {
  return `${where} ${at}`;
}

function shown({ where, at, text, buttons }: Seen): string {
  const labels = buttons.map(({ label, url }) => (url === null ? `[${label}]` : `[${label}] ${url}`)).join(' ');
  return `--- ${where}, ${clockTime(at)}\n${text}${labels === '' ? '' : `\n${labels}`}`;
}

function codesIn(messages: ReadonlyMap<string, Seen>): readonly string[] {
  const links = [...messages.values()].flatMap(({ buttons }) => buttons.flatMap(({ url }) => url ?? []));
  return links.flatMap((link) => link.split('/claim#')[1] ?? []);
}

function tellConnect(code: string): void {
  process.stdout.write(`\nOr in this terminal: npm run curfew -- connect ${code} --psql\n`);
}

function stop(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
