/** `curfew policy apply`: lints, says what would change for whom, and proposes; or applies where nobody else is needed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { CurfewError } from '../../domain/errors.ts';
import type { PolicyHash, ProposalId } from '../../domain/ids.ts';
import { unifiedDiff } from '../../policy/diff.ts';
import { formatIssue } from '../../policy/issue.ts';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';
import * as policies from '../../store/policies.ts';
import type { Db, Store } from '../../store/pool.ts';
import * as proposals from '../../store/proposals.ts';
import { changesAgainst } from '../policy/changes.ts';
import { loadPolicy } from '../policy/load.ts';
import type { Finish } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, Stopped, type Terminal } from '../terminal.ts';

type Options = { readonly json?: true; readonly wait?: true };

export function addPolicyApply(policy: Command, terminal: Terminal, finish: Finish): void {
  policy
    .command('apply')
    .summary('propose a policy file or folder, or make the first one hold')
    .description(
      'Proposes a policy. It holds once another person who may change the policy has approved its hash, on the card that the access controllers get in Slack; where the proposer is not known by name (curfew people link-login), once two others have. The first policy of all, and one after a policy that says policyChange: one-person, holds at once. Refused where it does not lint: then nothing changes. Requests that are open keep their plan, unless the new policy is stricter.',
    )
    .argument('<file-or-folder>', 'the policy')
    .option('--wait', 'wait until it holds, is denied, or another has come in between')
    .option('--json', 'print what became of it as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  curfew policy apply policy.yaml\n  curfew policy apply --wait policy/\n\nExit codes: 0 it holds, or is proposed; 1 it does not lint, was denied, or another came in between; 2 called wrongly.',
    )
    .action(async (path: string, options: Options) => {
      const { text, policy: wanted } = linted(terminal, path);
      await withAdminStore(terminal, async (store) => {
        const made = await propose(terminal, store, { text, wanted, json: options.json === true });
        const ended = options.wait && made.proposal ? await settled(terminal, store, made.proposal) : undefined;
        if (options.json) printJson(terminal, ended === undefined ? made : { ...made, state: ended });
        else tell(terminal, made, ended);
        const lost = made.kind === 'superseded' || ended === 'denied' || ended === 'superseded';
        finish(lost ? exitCodes.refused : exitCodes.done);
      });
    });
}

/** @throws Stopped where it does not lint; every issue is told first */
function linted(terminal: Terminal, path: string): { readonly text: string; readonly policy: LoadedPolicy } {
  const text = loadPolicy(terminal, path);
  const parsed = parsePolicy(text, path);
  for (const issue of parsed.ok ? parsed.warnings : parsed.issues) terminal.err(`${formatIssue(issue)}\n`);
  if (parsed.ok) return { text, policy: parsed.policy };
  throw new Stopped(`${path} was not applied: mend what is listed above. The policy that held holds on.`);
}

type Wanted = { readonly text: string; readonly wanted: LoadedPolicy; readonly json: boolean };
type Made = policies.Applied & {
  readonly hash: PolicyHash;
  readonly by: string;
  readonly onePerson: boolean;
  readonly need?: number;
  readonly changes: readonly string[];
};

async function propose(terminal: Terminal, store: Store, { text, wanted, json }: Wanted): Promise<Made> {
  const held = await policies.current(store);
  const by = await loginOf(store);
  const { hash, onePersonChanges: onePerson } = wanted;
  const changes = held?.hash === hash ? [] : await changesAgainst(store, held?.text, wanted, terminal.clock());
  if (!json && held?.hash !== hash) show(terminal, { held, text, hash, by, changes });
  // NB. What was shown was compared with what held then: where that is over, somebody has to look again.
  const made = await store.transaction((tx) =>
    policies.apply(tx, { hash, text, onePerson, changes }, by, held?.number ?? null),
  );
  const need =
    made.kind === 'proposed' && made.proposal ? (await proposals.byId(store, made.proposal))?.need : undefined;
  return { ...made, hash, by, onePerson, changes, ...(need === undefined ? {} : { need }) };
}

async function loginOf(db: Db): Promise<string> {
  const [row] = await db.query<{ login: string }>('select session_user as login');
  if (!row) throw new CurfewError('NotRecorded', 'The store did not say who asks.');
  return row.login;
}

type Shown = Pick<Made, 'hash' | 'by' | 'changes'> & {
  readonly held: policies.PolicyVersion | undefined;
  readonly text: string;
};

function show(terminal: Terminal, { held, text, hash, by, changes }: Shown): void {
  terminal.out(`Proposed by ${by}: ${hash}\n`);
  terminal.out(held ? `In place of version ${held.number}: ${held.hash}\n\n` : 'There is no policy yet.\n\n');
  if (held) terminal.out(`${unifiedDiff(held.text, text)}\n`);
  if (!held) return;
  terminal.out(
    changes.length === 0
      ? 'For nobody in the directory anything would change.\n\n'
      : `What would change:\n${changes.map((line) => `  ${line}\n`).join('')}\n`,
  );
}

function tell(terminal: Terminal, made: Made, ended: proposals.ProposalState | undefined): void {
  const short = made.hash.slice(0, 12);
  switch (made.kind) {
    case 'same':
      return terminal.out(`Version ${made.number} holds already (${short}).\n`);
    case 'applied':
      terminal.out(`Version ${made.number} holds now (${short}).\n`);
      return terminal.out(
        made.number === 1
          ? 'It was the first one, which needs nobody else.\n'
          : 'The version before it let one person change the policy, so nobody else was asked.\n',
      );
    case 'superseded':
      return terminal.err(
        `Not proposed: version ${made.number} has come in between. Look at what changes against it, and apply again.\n`,
      );
    case 'proposed':
      return ended === undefined
        ? terminal.out(
            `Proposed, and not in force yet: it takes ${made.need ?? 2} more who may change the policy (proposal ${made.proposal ?? ''}).\n`,
          )
        : terminal.out(`${endings[ended]} (${short}).\n`);
  }
}

const endings: Readonly<Record<proposals.ProposalState, string>> = {
  open: 'It still waits',
  adopted: 'It was approved and holds now',
  denied: 'It was denied',
  superseded: 'Another policy has come in between',
};

const lookEveryMs = 1_000;

/** Until it is no longer open; whoever does not want to wait ends the command, and the proposal stands. */
async function settled(terminal: Terminal, store: Db, id: ProposalId): Promise<proposals.ProposalState> {
  terminal.err('Proposed; waiting for the others. Ending this command takes nothing back.\n');
  for (;;) {
    const proposal = await proposals.byId(store, id);
    if (!proposal) throw new Stopped('The proposal is not there any more.');
    if (proposal.state !== 'open') return proposal.state;
    await pause(lookEveryMs);
  }
}
