import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { isRefusal } from '../../domain/errors.ts';
import type { PersonId } from '../../domain/ids.ts';
import { formatInstant, formatSpan, minuteMs, parseSpan, secondMs } from '../../domain/time.ts';
import type { Left } from '../../service/contract-people.ts';
import { keepForLater } from '../../service/due.ts';
import { progressOf, type HrReport } from '../../service/hr-report.ts';
import { leave } from '../../service/leave.ts';
import * as grants from '../../store/grants.ts';
import { keepBecause } from '../../store/people-shown.ts';
import { factsOf, operator } from '../../store/people.ts';
import type { Store } from '../../store/pool.ts';
import { openIdsOf } from '../../store/requests.ts';
import { directoryContext } from '../context.ts';
import { parseInstant } from '../instant.ts';
import type { Finish } from '../program.ts';
import { settings, withStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';
import { loginOf } from './people-link.ts';
import { personOf } from './requests.ts';

type Options = {
  readonly suspended?: true;
  readonly at?: string;
  readonly because?: string;
  readonly wait: string;
  readonly yes?: true;
  readonly json?: true;
};
type Going = {
  readonly handle: string;
  readonly person: PersonId;
  readonly state: 'left' | 'suspended';
  readonly event: string;
};

/** `curfew people leave`: what HR's hook does, by an operator's hand. */
export function addPeopleLeave(people: Command, terminal: Terminal, finish: Finish): void {
  people
    .command('leave')
    .summary("end a person's access, now or at an instant")
    .description(
      'Says that a person has left (or, with --suspended, is suspended): everything they hold ends at once, their requests close, and their approvals of what is not granted yet are void. Waits until nothing of theirs is left. With --at it is kept until then; saying it again with another instant replaces it.',
    )
    .argument('<handle>', 'their handle')
    .option('--suspended', 'suspended: may come back with what they were')
    .option('--at <instant>', 'from when, e.g. 2026-12-01T17:00+01:00; unset: now')
    .option('--because <text>', 'why, for whoever reads `curfew people show`')
    .option('--wait <span>', 'how long to wait until all is safe; 0: not at all', '1m')
    .option('--yes', 'do not ask first')
    .option('--json', 'print what follows as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew people leave ada\n  curfew people leave ada --suspended --yes\n  curfew people leave ada --at 2026-12-01T17:00+01:00 --because "notice given"',
    )
    .action(async (handle: string, options: Options) => {
      const waitMs = options.wait === '0' ? 0 : parseSpan(options.wait);
      if (waitMs === undefined) throw new Stopped('--wait takes a span such as 1m, or 0.', exitCodes.usage);
      const at = options.at === undefined ? undefined : parseInstant(options.at);
      if (options.at !== undefined && at === undefined)
        throw new Stopped('--at takes an instant with its zone: 2026-12-01T17:00+01:00.', exitCodes.usage);
      if (options.because !== undefined && (options.because.trim() === '' || options.because.length > 500))
        throw new Stopped('--because takes a text of at most 500 characters.', exitCodes.usage);
      await withStore(settings(terminal, 'directoryStoreUrl').directoryStoreUrl, async (store) => {
        const person = await personOf(store, handle);
        const going: Going = {
          handle,
          person,
          state: options.suspended ? 'suspended' : 'left',
          event: `command-${randomUUID()}`,
        };
        await confirmed(terminal, store, going, options, at);
        await explained(terminal, store, going, options);
        if (at !== undefined && at > terminal.clock()) await goLater(terminal, store, going, options, at);
        else await goNow(terminal, store, going, options, { waitMs, finish });
      });
    });
}

/** Says what would end, and asks. @throws Stopped where the answer is not yes, or nobody is there to give one */
async function confirmed(
  terminal: Terminal,
  store: Store,
  { handle, person, state }: Going,
  { yes }: Options,
  at: number | undefined,
): Promise<void> {
  if (yes) return;
  const facts = await factsOf(store, person);
  const accounts = [person, ...(facts?.aliases ?? [])];
  let [held, open] = [0, 0];
  for (const account of accounts) {
    held += (await grants.live(store, { person: account })).length;
    open += (await openIdsOf(store, account)).length;
  }
  const when = at === undefined ? 'now' : `at ${formatInstant(at)}`;
  const others = accounts.length > 1 ? ` in ${accounts.length} accounts` : '';
  const question = `${handle} is ${state} from ${when}: ${held} live grants and ${open} open requests${others} end. Go on? (yes) `;
  const answer = await terminal.ask?.(question);
  if (answer === undefined)
    throw new Stopped('Nobody is here to confirm this: give --yes. Nothing changed.', exitCodes.usage);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new Stopped('Nothing changed.');
}

async function explained(
  terminal: Terminal,
  store: Store,
  { person, event }: Going,
  { because }: Options,
): Promise<void> {
  if (because === undefined) return;
  await keepBecause(store, { person, event, at: terminal.clock(), text: because.trim(), salt: randomBytes(16) });
}

async function goLater(
  terminal: Terminal,
  store: Store,
  { handle, state, event }: Going,
  { json }: Options,
  effectiveAt: number,
): Promise<void> {
  const said = { source: operator, event, who: { handle }, state, version: terminal.clock() };
  const kept = await keepForLater(directoryContext(terminal, store), {
    ...said,
    actor: await loginOf(store),
    effectiveAt,
  });
  if (kept.kind !== 'later') throw new Stopped(`The directory has newer word on ${handle}. Nothing changed.`);
  const at = formatInstant(effectiveAt);
  if (json) return printJson(terminal, { handle, change: 'later', state, at, event });
  terminal.out(`${handle} is ${state} from ${at}. Said again with another instant, that one counts.\n`);
}

async function goNow(
  terminal: Terminal,
  store: Store,
  { handle, state, event }: Going,
  { json }: Options,
  { waitMs, finish }: { readonly waitMs: number; readonly finish: Finish },
): Promise<void> {
  const learnedAt = terminal.clock();
  const said = { source: operator, event, who: { handle }, state, version: learnedAt };
  const left = await leave(directoryContext(terminal, store), { ...said, actor: await loginOf(store) });
  if (isRefusal(left)) throw new Stopped(left.message);
  if (left.change === 'older' && !json)
    throw new Stopped(`The directory has newer word on ${handle}: ${left.state}. Nothing changed.`);
  if (!json) {
    const counts = `${left.requests.length} open requests end, ${left.voided} approvals are void`;
    terminal.out(`${handle} is ${left.state}. ${counts}; the reaper ends what they hold now.\n`);
  }
  const report = await untilSafe(terminal, store, left, { learnedAt, waitMs, quiet: json === true });
  if (!report.safe && waitMs > 0) finish(exitCodes.refused);
  if (json) {
    const { safe, safeAfterMs } = report;
    return printJson(terminal, { ...left, event, safe, safeAfterMs });
  }
  if (report.safe) terminal.out(`Safe after ${report.safeAfterMs ?? 0} ms: nothing of theirs is left on any node.\n`);
  else if (waitMs > 0)
    terminal.err(
      `Not safe after ${formatSpan(waitMs)}: curfew doctor shows what is left. It goes on without this command.\n`,
    );
}

const lookMs = 500;

/** Follows it with a line whenever it comes further, for as long as somebody wants to wait. */
async function untilSafe(
  terminal: Terminal,
  store: Store,
  left: Left,
  { learnedAt, waitMs, quiet }: { readonly learnedAt: number; readonly waitMs: number; readonly quiet: boolean },
): Promise<HrReport> {
  const ctx = directoryContext(terminal, store);
  const { person, change, state, requests, voided } = left;
  const answer = { delivery: '', report: '', person, change, state, requests, voided, learnedAt };
  const until = Date.now() + Math.min(waitMs, 10 * minuteMs);
  let told = -1;
  for (;;) {
    const report = await progressOf(ctx, store, answer);
    const leftOver = report.ends.filter((end) => end.state !== 'closed').length;
    if (report.safe || Date.now() >= until) return report;
    if (leftOver !== told && !quiet) terminal.err(`${leftOver} still ending...\n`);
    told = leftOver;
    await pause(Math.min(lookMs, secondMs));
  }
}
