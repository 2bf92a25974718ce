import { readPolicyText } from './bundle.ts';
import { compile } from './compile.ts';
import { policyHash } from './digest.ts';
import { inFileOrder, type Issue } from './issue.ts';
import { readParts } from './parts.ts';
import type { LoadedPolicy } from './policy.ts';
import { checkReferences, type Known } from './references.ts';

export type { LoadedPolicy };

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: LoadedPolicy; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Reads a policy: the text of one file, or of several that `bundle` has joined. Never throws, whatever the text; every
 * issue is told at once, in file order.
 *
 * Part by part: a rule with a mistake does not hide what is wrong with the next one, nor is it asked about twice.
 * @param file its name, for messages; of joined files the folder's, and without one they go by their own names
 * @param known what the directory knows; names that it does not know are warnings, because people and groups come and
 *   go without the policy, and a stage that nobody can fill denies anyway
 */
export function parsePolicy(text: string, file?: string, known: Known = {}): ParsedPolicy {
  const read = readPolicyText(text, file);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const issues: Issue[] = [...read.issues];
  const parts = readParts(read.source, issues);
  if (parts) issues.push(...checkReferences(parts, read.source, known));
  const ordered = inFileOrder(issues);
  if (!parts || ordered.some((issue) => issue.severity === 'error')) return { ok: false, issues: ordered };
  return { ok: true, policy: compile(policyHash(text), parts), warnings: ordered };
}
