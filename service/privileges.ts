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
export const privilegeLines = (result: unknown, template: TemplateName): readonly string[] =>
  cut(reachOf(result, template).map(lineOf));

/** The same, of what a template may do and none of those may that somebody has already. */
export function addedLines(result: unknown, template: TemplateName, has: readonly TemplateName[]): readonly string[] {
  const there = new Set(
    has
      .flatMap((one) => reachOf(result, one))
      .flatMap((reach) => reach.privileges.map((privilege) => keyOf(reach, privilege))),
  );
  const more = reachOf(result, template).flatMap((reach) => {
    const privileges = reach.privileges.filter((privilege) => !there.has(keyOf(reach, privilege)));
    return privileges.length > 0 ? [lineOf({ ...reach, privileges })] : [];
  });
  return cut(more);
}

function reachOf(result: unknown, template: TemplateName): readonly Reach[] {
  const listed = typeof result === 'object' && result !== null ? (result as { preview?: unknown }).preview : undefined;
  return (Array.isArray(listed) ? listed.filter(isReach) : []).filter((reach) => reach.template === template);
}

const keyOf = ({ database, relation }: Reach, privilege: string): string =>
  JSON.stringify([database, relation, privilege]);

const lineOf = ({ database, relation, privileges }: Reach): string =>
  `${database}: ${relation}: ${privileges.join(', ')}`;

const cut = (lines: readonly string[]): readonly string[] =>
  lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
