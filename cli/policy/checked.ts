import { formatInstant } from '../../domain/time.ts';
import { formatIssue, type Issue } from '../../policy/issue.ts';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';
import type { Known } from '../../policy/references.ts';
import { current } from '../../store/policies.ts';
import { withAdminStore } from '../settings.ts';
import { parseInstant } from '../instant.ts';
import { exitCodes, Stopped, type Terminal } from '../terminal.ts';
import { loadPolicy } from './load.ts';

export const nothingHolds = 'No policy was applied yet: nothing can be granted. Run curfew policy apply FILE.';

/** A policy of a file or folder. @throws Stopped with every issue, where it does not lint */
export function checkedPolicy(terminal: Terminal, path: string, known: Known = {}): LoadedPolicy {
  return understood(loadPolicy(terminal, path), path, known);
}

/** The policy that holds in the store. @throws Stopped where there is none */
export async function policyThatHolds(terminal: Terminal): Promise<LoadedPolicy> {
  const holds = await withAdminStore(terminal, current);
  if (!holds) throw new Stopped(nothingHolds);
  return understood(holds.text, `the policy of ${formatInstant(holds.appliedAt)}`, {});
}

function understood(text: string, name: string, known: Known): LoadedPolicy {
  const parsed = parsePolicy(text, name, known);
  if (parsed.ok) return parsed.policy;
  throw new Stopped(parsed.issues.map(formatIssue).join('\n'));
}

/** Tells issues where people look for what is wrong. */
export const tellIssues = (terminal: Terminal, issues: readonly Issue[]): void => {
  for (const issue of issues) terminal.err(`${formatIssue(issue)}\n`);
};

/** An instant that somebody typed. @throws Stopped */
export function instantOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const at = parseInstant(text);
  if (at !== undefined) return at;
  throw new Stopped(
    `${option} takes an instant like 2026-03-02T09:00:00Z, not ${JSON.stringify(text)}.`,
    exitCodes.usage,
  );
}
