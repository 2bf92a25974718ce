/**
 * How fast the policy judges: a policy file of 200 rules over 1,000 targets, parsed and compiled, beside closures that
 * somebody wrote by hand for the very same rules. Both are asked the same questions in the same run, and must agree.
 */
import type { PersonId, RoleName, TargetName } from '../domain/ids.ts';
import type { PersonFacts } from '../domain/person.ts';
import { hourMs, minuteMs } from '../domain/time.ts';
import { bundle } from '../policy/bundle.ts';
import { formatIssue } from '../policy/issue.ts';
import { parsePolicy, type LoadedPolicy } from '../policy/parse.ts';
import { planFor, type Ask } from '../policy/plan.ts';
import { interleaved, ratio, type Metric } from './metric.ts';

const [teams, targets, asks, turns] = [50, 1_000, 20_000, 15];
const roles = ['read', 'write', 'admin'] as const;
const now = Date.UTC(2026, 0, 14, 12);

/** The ratio is told, and above 20 it is over its budget; the decisions a second are for whoever reads. */
export async function measurePolicy(): Promise<Metric> {
  const policy = manyRules();
  const [questions, hand] = [manyAsks(), byHand()];
  const own = () =>
    questions.reduce((sum, { ask, people }) => sum + scores[planFor(policy, ask, people, now).plan.verdict], 0);
  const floor = () => questions.reduce((sum, { ask, people }) => sum + scores[hand(ask, people)], 0);
  for (const { ask, people } of questions) {
    const [one, other] = [planFor(policy, ask, people, now).plan.verdict, hand(ask, people)];
    if (one !== other)
      throw new Error(`the policy and the closures do not agree: ${JSON.stringify({ ask, one, other })}`);
  }
  const paired = await interleaved(
    turns,
    () => timedNow(own),
    () => timedNow(floor),
  );
  const metric = ratio('policy.decide.ratio', paired, 20);
  const perSecond = Math.round(asks / ((metric.spread?.ownMs ?? Number.NaN) / 1_000));
  return { ...metric, perSecond };
}

const scores = { denied: 1, automatic: 100, approvals: 10_000, 'break-glass': 1_000_000 } as const;

/** Time of this thread's processor, in milliseconds: what else runs on the machine takes none of it. */
function timedNow(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return Promise.resolve((user + system) / 1_000);
}

/** Four rules a team: on call, leads, engineers with a ticket, and anybody of the team with an owner's word. */
function manyRules(): LoadedPolicy {
  const lines = Array.from({ length: teams }, (_, team) => [
    `  - { name: t${team} on call, match: { labels: { team: t${team} }, role: read }, if: target.team in requester.onCall, limits: { max: 2h }, approvals: automatic }`,
    `  - { name: t${team} leads, match: { labels: { team: t${team} }, roles: [read, write] }, requesters: [group:leads-t${team}], limits: { max: 4h }, approvals: automatic }`,
    `  - { name: t${team} ticket, match: { labels: { team: t${team} }, roles: [read, write] }, if: '"t${team}" in requester.groups && request.ticket != ""', limits: { max: 4h }, approvals: automatic }`,
    `  - { name: t${team} team, match: { labels: { team: t${team} } }, requesters: [group:t${team}], limits: { max: 8h }, approvals: [{ name: owners, from: [owner], need: 1 }] }`,
  ]).flat();
  const rules = `version: 1\npolicyChange: one-person\nrules:\n${lines.join('\n')}\ndeny:\n  - { name: pii, if: 'requester.kind == "contractor" && target.classification == "pii"' }\n`;
  const files = Array.from({ length: 4 }, (_, part) => ({ name: `targets-${part}.yaml`, text: targetsText(part, 4) }));
  const parsed = parsePolicy(bundle([{ name: 'rules.yaml', text: rules }, ...files]), 'bench');
  if (parsed.ok) return parsed.policy;
  throw new Error(parsed.issues.slice(0, 3).map(formatIssue).join('\n'));
}

function targetsText(part: number, parts: number): string {
  const lines: string[] = [];
  for (let target = part; target < targets; target += parts) {
    const labels = `{ team: t${target % teams}, classification: ${isPii(target) ? 'pii' : 'internal'} }`;
    const given = roles.map((role) => `${role}: { template: ${role}_t, max: 8h }`).join(', ');
    lines.push(
      `  db-${target}: { kind: postgres, labels: ${labels}, owners: [group:owners-t${target % teams}], databases: [app], roles: { ${given} } }`,
    );
  }
  return `version: 1\ntargets:\n${lines.join('\n')}\n`;
}

const isPii = (target: number): boolean => target % 3 === 0;

type Question = { readonly ask: Ask; readonly people: readonly PersonFacts[] };

const someone = (id: string, groups: readonly string[], more: Partial<PersonFacts> = {}): PersonFacts => ({
  id: id as PersonId,
  state: 'active',
  kind: 'employee',
  manager: null,
  groups,
  aliases: [],
  addedBy: [],
  ...more,
});

/** The same each time: somebody of some team asks for something, mostly of their own. */
function manyAsks(): readonly Question[] {
  let seed = 7;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const owners = Array.from({ length: teams }, (_, team) => [
    someone(`other-${team}`, [`t${team}`]),
    someone(`owner-${team}`, [`owners-t${team}`, `t${team}`]),
  ]);
  return Array.from({ length: asks }, (_, index) => {
    const [target, mine] = [draw(targets), draw(10) > 0];
    const team = mine ? target % teams : draw(teams);
    const groups = ['everybody', ...(draw(8) === 0 ? [`leads-t${team}`] : []), `t${team}`];
    const requester = someone(`person-${index % 500}`, groups, {
      kind: draw(6) === 0 ? 'contractor' : 'employee',
      onCall: draw(5) === 0 ? [`t${team}`] : [],
    });
    const ask: Ask = {
      kind: 'access',
      requester,
      target: `db-${target}` as TargetName,
      role: (roles[draw(roles.length)] ?? 'read') as RoleName,
      durationMs: (draw(5) + 1) * hourMs - minuteMs,
      ticket: draw(3) === 0 ? 'INC-1' : null,
      startAt: null,
    };
    return { ask, people: owners[target % teams] ?? [] };
  });
}

/** What somebody would write who has only these rules: one closure a target, its names already in it. */
function byHand(): (ask: Ask, people: readonly PersonFacts[]) => keyof typeof scores {
  const closures = new Map<string, ReturnType<typeof byHand>>(
    Array.from({ length: targets }, (_, target) => {
      const [team, pii] = [`t${target % teams}`, isPii(target)];
      const [leads, owners] = [`leads-${team}`, `owners-${team}`];
      const decide = ({ requester, role, durationMs, ticket }: Ask, people: readonly PersonFacts[]) => {
        if (requester.state !== 'active' || (pii && requester.kind === 'contractor')) return 'denied';
        const { groups } = requester;
        if (role === 'read' && requester.onCall?.includes(team))
          return durationMs <= 2 * hourMs ? 'automatic' : 'denied';
        if (role !== 'admin' && (groups.includes(leads) || (groups.includes(team) && ticket !== null)))
          return durationMs <= 4 * hourMs ? 'automatic' : 'denied';
        if (!groups.includes(team) || durationMs > 8 * hourMs) return 'denied';
        return people.some((one) => one.id !== requester.id && one.groups.includes(owners)) ? 'approvals' : 'denied';
      };
      return [`db-${target}`, decide] as const;
    }),
  );
  return (ask, people) => closures.get(ask.target)?.(ask, people) ?? 'denied';
}
