/** The parts of a policy file: each well-formed by itself, with its place. What is broken is left out, and told. */
import type { RoleName, TargetName } from '../domain/ids.ts';
import { leaverApprovals, type LeaverApprovals } from '../domain/taint.ts';
import { compileCondition, parseCondition, type ParsedCondition } from './condition.ts';
import type { Issue, Path, Place } from './issue.ts';
import type { CompiledCondition, RolePolicy, TargetPolicy } from './policy.ts';
import * as schema from './schema.ts';
import { check } from './shape.ts';
import type { Source } from './source.ts';

/** A target of the file; its rules are not resolved yet. */
export type FileTarget = Omit<TargetPolicy, 'roles'> & { readonly roles: ReadonlyMap<string, FileRole> };
export type FileRole = Omit<RolePolicy, 'deny' | 'rules' | 'breakGlass'>;

/** An entry of a list of the file. */
export type Placed<Item, Condition = null> = {
  readonly index: number;
  readonly rule: Item;
  readonly at: Place;
  readonly condition: Condition;
};
export type CompiledConditionOf = { readonly parsed: ParsedCondition; readonly compiled: CompiledCondition };

export type Parts = {
  readonly targets: ReadonlyMap<string, FileTarget>;
  /** Named in the file, but not well-formed: nothing that names them is blamed. */
  readonly brokenTargets: ReadonlySet<string>;
  readonly rules: readonly Placed<schema.FileRule, CompiledConditionOf | null>[];
  readonly deny: readonly Placed<schema.FileDeny, CompiledConditionOf>[];
  readonly breakGlass: readonly Placed<schema.FileBreakGlass>[];
  readonly conflicts: readonly Placed<schema.FileConflict>[];
  /** Null where they are not well-formed. */
  readonly powers: schema.FilePowers | null;
  readonly onePersonChanges: boolean;
  readonly approveByCommand: boolean;
  readonly leaverApprovals: LeaverApprovals;
};

/** @returns the well-formed parts, or undefined where the file is no policy at all; the issues are added */
export function readParts(source: Source, issues: Issue[]): Parts | undefined {
  const file = check(schema.fileSchema, source.data, [], source, issues) ?? salvage(source.data);
  if (!file) return undefined;
  const { targets, brokenTargets } = readTargets(file.targets, source, issues);
  const powers = file.powers === undefined ? {} : check(schema.powersSchema, file.powers, ['powers'], source, issues);
  const leavers = file.leavers as { readonly approvals?: unknown } | undefined;
  const commandLine = file.commandLine as { readonly approve?: unknown } | undefined;
  return {
    targets,
    brokenTargets,
    rules: eachOf('rules', file.rules, source, (rule, at) => {
      const read = check(schema.ruleSchema, rule, at, source, issues);
      if (read?.if === undefined) return read && { rule: read, condition: null };
      const condition = readCondition(read.if, [...at, 'if'], source, issues);
      return condition && { rule: read, condition };
    }),
    deny: eachOf('deny', file.deny, source, (rule, at) => {
      const read = check(schema.denySchema, rule, at, source, issues);
      const condition = read && readCondition(read.if, [...at, 'if'], source, issues);
      return condition && { rule: read, condition };
    }),
    breakGlass: eachOf('breakGlass', file.breakGlass, source, (rule, at) => {
      const read = check(schema.breakGlassSchema, rule, at, source, issues);
      return read && { rule: read, condition: null };
    }),
    conflicts: eachOf('conflicts', file.conflicts, source, (rule, at) => {
      const read = check(schema.conflictSchema, rule, at, source, issues);
      return read && { rule: read, condition: null };
    }),
    powers: powers ?? null,
    onePersonChanges: file.policyChange === 'one-person',
    approveByCommand: commandLine?.approve === true,
    leaverApprovals: leaverApprovals.find((one) => one === leavers?.approvals) ?? 'keep',
  };
}

function readCondition(text: string, at: Path, source: Source, issues: Issue[]): CompiledConditionOf | undefined {
  const parsed = parseCondition(text);
  if ('expr' in parsed) return { parsed, compiled: compileCondition(parsed, source.place(at)) };
  issues.push(source.issue(at, parsed.code, parsed.message, { inside: parsed.offset }));
  return undefined;
}

function readTargets(
  given: unknown,
  source: Source,
  issues: Issue[],
): { readonly targets: ReadonlyMap<string, FileTarget>; readonly brokenTargets: ReadonlySet<string> } {
  const targets = new Map<string, FileTarget>();
  const brokenTargets = new Set<string>();
  for (const [name, value] of Object.entries(fieldsOf(given))) {
    const target = readTarget(name, value, source, issues);
    if (target) targets.set(name, target);
    else brokenTargets.add(name);
  }
  return { targets, brokenTargets };
}

function readTarget(name: string, value: unknown, source: Source, issues: Issue[]): FileTarget | undefined {
  const at: Path = ['targets', name];
  const target = check(schema.targetSchema, value, at, source, issues);
  const given = target?.roles ?? fieldsOf((value as { roles?: unknown } | null)?.roles);
  const roles = new Map<string, FileRole>();
  for (const [role, fields] of Object.entries(given)) {
    const read = check(schema.roleSchema, fields, [...at, 'roles', role], source, issues);
    if (!read) continue;
    roles.set(role, { name: role as RoleName, template: read.template, maxMs: read.max, note: read.note ?? '' });
  }
  if (target && Object.keys(given).length === 0) {
    issues.push(source.issue([...at, 'roles'], 'no-roles', 'a target has at least one role', { onKey: true }));
  }
  // A target with a broken role counts as broken: rules that name the role are not asked about it again.
  if (!target || roles.size < Object.keys(given).length) return undefined;
  const { owners, databases, labels } = target;
  return { name: name as TargetName, owners, databases, labels: new Map(Object.entries(labels)), roles };
}

function eachOf<Item, Condition>(
  key: string,
  items: unknown,
  source: Source,
  read: (item: unknown, at: Path) => { readonly rule: Item; readonly condition: Condition } | undefined,
): Placed<Item, Condition>[] {
  return (Array.isArray(items) ? (items as readonly unknown[]) : []).flatMap((item, index) => {
    const done = read(item, [key, index]);
    return done === undefined ? [] : [{ index, at: source.place([key, index]), ...done }];
  });
}

type Salvaged = Partial<Record<keyof typeof schema.fileSchema.shape, unknown>>;

/** What of a broken file can still be looked at, so that its parts' issues come in the same answer. */
const salvage = (data: unknown): Salvaged | undefined =>
  typeof data === 'object' && data !== null && !Array.isArray(data) ? data : undefined;

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
