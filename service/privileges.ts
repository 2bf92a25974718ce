import type { TemplateName } from '../domain/ids.ts';

/** One line of a target's check: what a template may do with one relation. As a check stores it, and not trusted. */
type Reach = {
  readonly template: string;
  readonly database: string;
  readonly relation: string;
  readonly privileges: readonly string[];
};

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function isReach(value: unknown): value is Reach {
  if (typeof value !== 'object' || value === null) return false;
  const { template, database, relation, privileges } = value as Record<string, unknown>;
  return [template, database, relation].every((item) => typeof item === 'string') && isTexts(privileges);
}

/** As many as a modal can show; the rest is counted in a last line. */
const mostLines = 30;

/**
 * What the target's last check says that a template may do: `orders: public.customers: SELECT`. Checks are stored as
 * JSON of whatever version wrote them; what is not understood is left out.
 */
export function privilegeLines(result: unknown, template: TemplateName): readonly string[] {
  const listed = typeof result === 'object' && result !== null ? (result as { preview?: unknown }).preview : undefined;
  const reached = (Array.isArray(listed) ? listed.filter(isReach) : []).filter((reach) => reach.template === template);
  const lines = reached.map(
    ({ database, relation, privileges }) => `${database}: ${relation}: ${privileges.join(', ')}`,
  );
  if (lines.length <= mostLines) return lines;
  return [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}
