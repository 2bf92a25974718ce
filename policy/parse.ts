import { policyHash } from './digest.ts';
import { compile, type FileRole, type FileTarget, type Parts } from './compile.ts';
import { inFileOrder, type Issue, type Path } from './issue.ts';
import type { LoadedPolicy } from './policy.ts';
import { checkReferences, type Known } from './references.ts';
import { breakGlassSchema, fileSchema, powersSchema, roleSchema, ruleSchema, targetSchema } from './schema.ts';
import { check } from './shape.ts';
import { readYaml, type Source } from './source.ts';

export type { LoadedPolicy };

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: LoadedPolicy; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Reads a policy file. Never throws, whatever the text; every issue is told at once, in file order.
 *
 * Part by part: a rule with a mistake does not hide what is wrong with the next one, nor is it asked about twice.
 * @param file its name, for messages
 * @param known what the directory knows; names that it does not know are warnings, because people and groups come and
 *   go without the policy, and a stage that nobody can fill denies anyway
 */
export function parsePolicy(text: string, file = 'policy.yaml', known: Known = {}): ParsedPolicy {
  const read = readYaml(text, file);
  if (!read.ok) return { ok: false, issues: inFileOrder(read.issues) };
  const issues: Issue[] = [];
  const parts = readParts(read.source, issues);
  if (parts) issues.push(...checkReferences(parts, read.source, known));
  const ordered = inFileOrder(issues);
  if (!parts || ordered.some((issue) => issue.severity === 'error')) return { ok: false, issues: ordered };
  return { ok: true, policy: compile(policyHash(text), parts), warnings: ordered };
}

/** @returns the well-formed parts, or undefined where the file is no policy at all; the issues are added */
function readParts(
  source: Source,
  issues: Issue[],
): (Parts & { readonly brokenTargets: ReadonlySet<string> }) | undefined {
  const data = source.data;
  const file = check(fileSchema, data, [], source, issues) ?? salvage(data);
  if (!file) return undefined;
  const targets = new Map<string, FileTarget>();
  const brokenTargets = new Set<string>();
  for (const [name, value] of Object.entries(fieldsOf(file.targets))) {
    const target = readTarget(name, value, source, issues);
    if (target) targets.set(name, target);
    else brokenTargets.add(name);
  }
  const powers = file.powers === undefined ? {} : check(powersSchema, file.powers, ['powers'], source, issues);
  return {
    targets,
    brokenTargets,
    rules: eachOf(file.rules, (rule, index) => check(ruleSchema, rule, ['rules', index], source, issues)),
    breakGlass: eachOf(file.breakGlass, (rule, index) =>
      check(breakGlassSchema, rule, ['breakGlass', index], source, issues),
    ),
    endAnyGrant: powers?.endAnyGrant ?? [],
  };
}

function readTarget(name: string, value: unknown, source: Source, issues: Issue[]): FileTarget | undefined {
  const at: Path = ['targets', name];
  const target = check(targetSchema, value, at, source, issues);
  const given = target?.roles ?? fieldsOf((value as { roles?: unknown } | null)?.roles);
  const roles = new Map<string, FileRole>();
  for (const [role, fields] of Object.entries(given)) {
    const read = check(roleSchema, fields, [...at, 'roles', role], source, issues);
    if (read) {
      roles.set(role, {
        name: role as FileRole['name'],
        template: read.template,
        maxMs: read.max,
        note: read.note ?? '',
        deny: [],
      });
    }
  }
  if (target && Object.keys(given).length === 0) {
    issues.push(source.issue([...at, 'roles'], 'no-roles', 'a target has at least one role', { onKey: true }));
  }
  // A target with a broken role counts as broken: rules that name the role are not asked about it again.
  if (!target || roles.size < Object.keys(given).length) return undefined;
  const { owners, databases, labels } = target;
  return { name: name as FileTarget['name'], owners, databases, labels: new Map(Object.entries(labels)), roles };
}

function eachOf<Item>(
  items: unknown,
  read: (item: unknown, index: number) => Item | undefined,
): { readonly index: number; readonly rule: Item }[] {
  return listOf(items).flatMap((item, index) => {
    const rule = read(item, index);
    return rule === undefined ? [] : [{ index, rule }];
  });
}

/** What of a broken file can still be looked at, so that its parts' issues come in the same answer. */
const salvage = (data: unknown): Record<'targets' | 'rules' | 'breakGlass' | 'powers', unknown> | undefined => {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  const { targets, rules, breakGlass, powers } = data as Record<string, unknown>;
  return { targets, rules, breakGlass, powers };
};

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
