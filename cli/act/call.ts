/** Commands that act for a person: what they send to the API, and with whose code. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { readCliConfig } from '../../config/cli.ts';
import { describeProblems } from '../../config/field.ts';
import { exitCodes, oneLine, Stopped, type Terminal } from '../terminal.ts';

export type ActOptions = { readonly api?: string; readonly code?: string; readonly json?: true };

/** The options that every one of them has. */
export const withActOptions = (command: Command): Command =>
  command
    .addOption(new Option('--code <code>', 'from /curfew code in Slack; CURFEW_CODE, or asked for, where absent'))
    .option('--api <address>', 'address of the API; CURFEW_API where absent')
    .option('--json', 'print the answer as JSON');

/** Shown beneath the help of each. */
export const codeHelp =
  '\nThis acts for you: type /curfew code in Slack for a code that shows who you are. It holds for ten minutes.\nOthers on this machine may see what a command was called with: rather set CURFEW_CODE, or type it when asked.';

const callMs = 20_000;
const tries = 3;
const problem = z.object({ detail: z.string().optional(), title: z.string().optional(), code: z.string().optional() });

/**
 * One call. What got no answer is sent again: each route does the same thing once, however often it is sent.
 * @param answer what the API must have answered
 * @throws Stopped with what the API said; or that no code was given, or nobody answers
 */
export async function act<Answer>(
  terminal: Terminal,
  path: string,
  body: object,
  options: ActOptions,
  answer: z.ZodType<Answer>,
): Promise<Answer> {
  const api = apiOf(terminal, options);
  const code = await codeOf(terminal, options);
  for (let tried = 1; ; tried += 1) {
    const response = await send(`${api}/act/${path}`, code, body);
    if ((response === undefined || response.status >= 502) && tried < tries) {
      await sleep(500 * tried);
      continue;
    }
    if (!response) {
      throw new Stopped(`The API at ${api} does not answer. Check the address (--api or CURFEW_API) and try again.`);
    }
    const said: unknown = await response.json().catch(() => undefined);
    if (!response.ok || response.status === 202) throw new Stopped(whyNot(said, response.status));
    const parsed = answer.safeParse(said);
    if (parsed.success) return parsed.data;
    throw new Stopped('What answered is not the API of this Curfew. Check the address (--api or CURFEW_API).');
  }
}

/** @returns undefined where no answer came */
const send = (url: string, code: string, body: object): Promise<Response | undefined> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${code}` },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(callMs),
  }).catch(() => undefined);

function whyNot(said: unknown, status: number): string {
  const { detail, title } = problem.safeParse(said).data ?? {};
  const says = detail ?? title;
  return says === undefined ? `The API answered ${status}. Check the address (--api or CURFEW_API).` : oneLine(says);
}

function apiOf(terminal: Terminal, { api }: ActOptions): string {
  const env = api === undefined ? terminal.env : { CURFEW_API: api };
  const read = readCliConfig(env, ['api'], terminal.readText);
  if (!read.ok) throw new Stopped(describeProblems(read.problems), exitCodes.usage);
  return read.config.api;
}

/** Is there a code, so that a command which can also be an operator's is this person's? */
export const hasCode = (terminal: Terminal, { code }: ActOptions): boolean =>
  (code ?? terminal.env['CURFEW_CODE'] ?? '').trim() !== '';

/** The same options with the code, so that it is asked for once for several calls. */
export const withCode = async <Options extends ActOptions>(
  terminal: Terminal,
  options: Options,
): Promise<Options & { readonly code: string }> => ({ ...options, code: await codeOf(terminal, options) });

/** NB. Never shown again, nor in any message: for ten minutes whoever has it is this person. */
async function codeOf(terminal: Terminal, { code }: ActOptions): Promise<string> {
  const set = (code ?? terminal.env['CURFEW_CODE'] ?? '').trim();
  const text = set === '' ? ((await terminal.ask?.('Code from /curfew code: ', { hidden: true })) ?? '').trim() : set;
  if (text === '')
    throw new Stopped('Type /curfew code in Slack, and give that code with --code or CURFEW_CODE.', exitCodes.usage);
  if (!/^[A-Za-z0-9 -]{1,100}$/.test(text))
    throw new Stopped('That is no code. /curfew code in Slack shows one.', exitCodes.usage);
  return text;
}
