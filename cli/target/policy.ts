import type { TargetName } from '../../domain/ids.ts';
import { formatIssue } from '../../policy/issue.ts';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';
import { current } from '../../store/policies.ts';
import type { Db } from '../../store/pool.ts';
import { Stopped } from '../terminal.ts';

/** What the policy says of targets that are installed or checked together: one cluster's. */
export type Wanted = {
  readonly targets: readonly {
    readonly name: TargetName;
    readonly databases: readonly string[];
    readonly templates: readonly string[];
  }[];
  /** Of all of them, each once. */
  readonly databases: readonly string[];
  /** With the longest maximum that any role gives, in milliseconds, and the databases of the targets that use it. */
  readonly templates: readonly {
    readonly role: string;
    readonly maxMs: number;
    readonly databases: readonly string[];
  }[];
};

/** The policy that holds. @throws Stopped where there is none, or this version cannot read it */
export async function policyInForce(db: Db): Promise<LoadedPolicy> {
  const holds = await current(db);
  if (!holds)
    throw new Stopped(
      'No policy was applied yet, and it says which databases and templates a target has: run curfew policy apply FILE.',
    );
  const parsed = parsePolicy(holds.text, 'the policy that holds');
  if (!parsed.ok) throw new Stopped(parsed.issues.map(formatIssue).join('\n'));
  return parsed.policy;
}

/** @throws Stopped for a name that the policy does not know */
export function wantedOf(policy: LoadedPolicy, names: readonly string[]): Wanted {
  const targets = names.map((name) => {
    const target = policy.targets.get(name);
    if (!target) {
      throw new Stopped(
        `The policy has no target ${JSON.stringify(name)}; it has ${[...policy.targets.keys()].join(', ') || 'none'}.`,
      );
    }
    return target;
  });
  const uses = new Map<string, { readonly maxMs: number; readonly databases: ReadonlySet<string> }>();
  for (const { roles, databases } of targets) {
    for (const { template, maxMs } of roles.values()) {
      const before = uses.get(template) ?? { maxMs: 0, databases: new Set() };
      uses.set(template, {
        maxMs: Math.max(before.maxMs, maxMs),
        databases: new Set([...before.databases, ...databases]),
      });
    }
  }
  return {
    targets: targets.map((target) => ({
      name: target.name,
      databases: target.databases,
      templates: [...new Set([...target.roles.values()].map((role) => role.template))],
    })),
    databases: [...new Set(targets.flatMap((target) => target.databases))],
    templates: [...uses].map(([role, { maxMs, databases }]) => ({ role, maxMs, databases: [...databases] })),
  };
}
