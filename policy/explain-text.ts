/** `explainAsk` for people to read. */
import { formatSpan } from '../domain/time.ts';
import type { PersonId } from '../domain/ids.ts';
import type { Explained, ExplainedStage } from './explain-ask.ts';
import type { Place } from './issue.ts';
import type { ConditionResult } from './policy.ts';
import { listed } from './selectors.ts';
import { describeWindow } from './windows.ts';

/** @param nameOf what a person is called */
export function explainedText(explained: Explained, nameOf: (id: PersonId) => string): string {
  const { plan, says, rule, denials, stages, limits, nearest } = explained;
  const lines = [`${plan.verdict}: ${says}`, ''];
  if (rule) {
    lines.push(`Rule "${rule.name}" decides (${placeText(rule.at)}), for ${rule.who}.`);
    for (const clause of rule.clauses) lines.push(`  ${valueText(clause.result)}  ${clause.text}`);
  } else lines.push('No rule decides.');
  for (const { name, at, clauses, denies } of denials) {
    lines.push(`${denies ? 'Denied' : 'Not denied'} by "${name}"${at ? ` (${placeText(at)})` : ''}.`);
    for (const clause of clauses) lines.push(`  ${valueText(clause.result)}  ${clause.text}`);
  }
  for (const stage of stages) lines.push(...stageLines(stage, nameOf));
  if (limits) {
    lines.push(
      `Limits: at most ${formatSpan(limits.maxMs)}; decided within ${formatSpan(limits.decideWithinMs)}; claimed within ${formatSpan(limits.useWithinMs)}; extensions without asking: ${limits.extensions ?? 0}.`,
    );
    if (limits.graceMs) lines.push(`Logins stop ${formatSpan(limits.graceMs)} before the end; sessions at the end.`);
    if (limits.windows) lines.push(`Held ${limits.windows.map(describeWindow).join(' or ')}.`);
  }
  if (plan.verdict === 'denied') lines.push(...plan.reasons.map((reason) => `Why not: ${reason}`));
  if (nearest) {
    lines.push(
      `The nearest other rule is "${nearest.name}" (${placeText(nearest.at)})${nearest.lacks.length > 0 ? ':' : '.'}`,
    );
    for (const lack of nearest.lacks) lines.push(`  lacks   ${lack}`);
  }
  return `${lines.join('\n')}\n`;
}

const placeText = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;

const valueText = (result: ConditionResult): string => {
  if (result === true) return 'true ';
  return result === false ? 'false' : `failed (${result.failed})`;
};

function stageLines(
  { name, need, who, able, unable }: ExplainedStage,
  nameOf: (id: PersonId) => string,
): readonly string[] {
  const could = able.map(({ person, standsInFor }) =>
    standsInFor === undefined ? nameOf(person) : `${nameOf(person)} (for ${nameOf(standsInFor)})`,
  );
  return [
    `Stage "${name}": ${need} of ${who}.`,
    `  could decide: ${listed(could, 'and') || 'nobody'}`,
    ...unable.map(({ person, why }) => `  not ${nameOf(person)}: ${why}`),
  ];
}
