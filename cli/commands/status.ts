import { loginsStopAt, sessionsClosed } from '../../domain/grant.ts';
import type { PersonId, RequestId } from '../../domain/ids.ts';
import { formatInstant, formatSpan } from '../../domain/time.ts';
import * as decisions from '../../store/decisions.ts';
import * as grants from '../../store/grants.ts';
import * as intents from '../../store/intents.ts';
import type { Store } from '../../store/pool.ts';
import { viewOf } from '../../store/projections.ts';
import * as requests from '../../store/requests.ts';
import { landing, oneStatus } from '../act/answers.ts';
import { act, hasCode, type ActOptions } from '../act/call.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { oneLine, printJson, Stopped, type Terminal } from '../terminal.ts';
import { wholeId } from '../whole-id.ts';
import { handlesOf } from './requests.ts';

export const registerStatus: Register = (program, terminal) => {
  program
    .command('status')
    .summary('tell everything about one request')
    .description('Tells where a request is: who asked, who decided, what was granted, how it ended, with the evidence.')
    .argument('<request>', "the request's id, whole")
    .option('--json', 'print it as JSON')
    .option(
      '--code <code>',
      'as yourself, with the code from /curfew code in Slack, or CURFEW_CODE; else as the operator',
    )
    .option('--api <address>', 'with a code: address of the API; CURFEW_API where absent')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew status 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69\n  curfew status --json 0b9c6a52-6a3f-4f0e-9a55-1d2f3c4b5a69',
    )
    .action(async (given: string, options: ActOptions) => {
      const id = wholeId(given, 'A request is named by its whole id; curfew requests lists them.') as RequestId;
      if (hasCode(terminal, options)) return await printMine(terminal, id, options);
      const status = await withAdminStore(terminal, (store) => read(store, id));
      if (!status) throw new Stopped('There is no such request; curfew requests lists them.');
      if (options.json) return printJson(terminal, status);
      print(terminal, status);
    });
};

/** What its API says to somebody who is no operator. */
async function printMine(terminal: Terminal, id: string, options: ActOptions): Promise<void> {
  const one = await act(terminal, 'status', { requestId: id }, options, oneStatus);
  if (options.json) return printJson(terminal, one);
  const { state } = one.view;
  const who = oneLine(one.names[one.requester] ?? one.requester);
  terminal.out(
    `${one.requestId}: ${who} asked for ${one.role} on ${one.target} for ${formatSpan(one.durationMs)} at ${formatInstant(one.openedAt)}.\nState: ${state.kind}${state.kind === 'closed' ? `, ${state.outcome ?? ''} (${oneLine(state.cause ?? '')})` : ''}${one.endAt === null ? '' : `, until ${formatInstant(one.endAt)}${landing(one)}`}.\n`,
  );
}

async function read(store: Store, id: RequestId) {
  const request = await requests.byId(store, id);
  if (!request) return undefined;
  const [view, decided, grant, receipts, asked, spans] = await Promise.all([
    viewOf(store, id),
    decisions.of(store, id),
    grants.byId(store, id),
    grants.receipts(store, id),
    intents.ofRequest(store, id),
    requests.spansOf(store, [id]),
  ]);
  const span = spans.get(id);
  const handles = await handlesOf(store, [request.person, ...decided.map((decision) => decision.person)]);
  const handle = (person: PersonId): string => handles.get(person) ?? person;
  return {
    id,
    kind: request.kind,
    who: handle(request.person),
    target: request.target,
    role: request.role,
    durationMs: request.durationMs,
    openedAt: formatInstant(request.openedAt),
    state: view?.state ?? { kind: 'requested' as const },
    decisions: decided.map((decision) => ({
      who: handle(decision.person),
      verdict: decision.verdict,
      stage: decision.stage,
      at: formatInstant(decision.madeAt),
      void: decision.voidedAt !== undefined,
    })),
    grant: grant && {
      role: grant.role,
      grantedAt: formatInstant(grant.grantedAt),
      endAt: formatInstant(grant.endAt),
      loginsStopAt: formatInstant(span ? loginsStopAt(request.plan.limits, span.claim, span.endAt) : grant.endAt),
      endedAt: grant.endedAt === null ? null : formatInstant(grant.endedAt),
    },
    asked: asked.map((intent) => ({
      cause: intent.cause,
      at: formatInstant(intent.askedAt),
      done: intent.outcomes.length > 0,
    })),
    receipt: receipts.revoke,
  };
}

type Status = NonNullable<Awaited<ReturnType<typeof read>>>;

function print(terminal: Terminal, status: Status): void {
  const lines = [
    `${status.id}: ${status.who} asked for ${status.role} on ${status.target} for ${formatSpan(status.durationMs)} at ${status.openedAt}.`,
    `State: ${status.state.kind}${status.state.kind === 'closed' ? `, ${status.state.outcome} (${status.state.cause})` : ''}.`,
    ...status.decisions.map(
      (one) => `${one.void ? 'Void: ' : ''}${one.who}: ${one.verdict}, step ${one.stage + 1}, ${one.at}.`,
    ),
    ...(status.grant
      ? [
          `Granted as ${status.grant.role} at ${status.grant.grantedAt}, until ${status.grant.endAt}${status.grant.loginsStopAt === status.grant.endAt ? '' : `; new logins until ${status.grant.loginsStopAt}`}.`,
        ]
      : []),
    ...status.asked.map((one) => `To end: ${one.cause}, ${one.at}${one.done ? '' : ', not done yet'}.`),
    ...(status.receipt
      ? [
          `Ended: verified at ${formatInstant(status.receipt.verifiedAt)} on ${status.receipt.nodes.length} node(s), ${sessionsClosed(status.receipt)} sessions closed.`,
        ]
      : []),
  ];
  terminal.out(`${lines.join('\n')}\n`);
}
