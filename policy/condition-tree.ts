/** A walk over parsed CEL. The tree's type is that of `parse`, so that the package that declares it is not named twice. */
import type { parse } from '@bufbuild/cel';

export type Expr = ReturnType<typeof parse>['expr'];

/** What an expression consists of, in the order of the text as far as the parser keeps it. */
export function childrenOf({ exprKind }: Expr): readonly Expr[] {
  switch (exprKind.case) {
    case 'selectExpr':
      return present(exprKind.value.operand);
    case 'callExpr':
      return [...present(exprKind.value.target), ...exprKind.value.args];
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.flatMap((entry) => [
        ...(entry.keyKind.case === 'mapKey' ? [entry.keyKind.value] : []),
        ...present(entry.value),
      ]);
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result].flatMap(present);
    }
    default:
      return [];
  }
}

const present = (expr: Expr | undefined): readonly Expr[] => (expr ? [expr] : []);

export const depthOf = (expr: Expr): number => 1 + Math.max(0, ...childrenOf(expr).map(depthOf));

export const nameOf = ({ exprKind }: Expr): string | undefined =>
  exprKind.case === 'identExpr' ? exprKind.value.name : undefined;

/** A constant of text, whole number, boolean or null; undefined for anything else. */
export function literalOf({ exprKind }: Expr): string | bigint | number | boolean | null | undefined {
  if (exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = exprKind.value;
  switch (constantKind.case) {
    case 'stringValue':
    case 'boolValue':
    case 'int64Value':
    case 'doubleValue':
      return constantKind.value;
    case 'nullValue':
      return null;
    default:
      return undefined;
  }
}

/** A variable and the names behind it: `target.labels["team"]` is target, labels, team. */
export function pathOf(expr: Expr): readonly string[] | undefined {
  const { exprKind } = expr;
  if (exprKind.case === 'identExpr') return [exprKind.value.name];
  if (exprKind.case === 'selectExpr' && exprKind.value.operand && !exprKind.value.testOnly) {
    const before = pathOf(exprKind.value.operand);
    return before && [...before, exprKind.value.field];
  }
  if (exprKind.case === 'callExpr' && exprKind.value.function === '_[_]') {
    const [of, key] = exprKind.value.args;
    const before = of && pathOf(of);
    const name = key && literalOf(key);
    return before && typeof name === 'string' ? [...before, name] : undefined;
  }
  return undefined;
}

/** `list.exists(v, test)`: the macro as the parser unfolds it. */
export function existsOf(
  expr: Expr,
): { readonly list: Expr; readonly variable: string; readonly test: Expr } | undefined {
  if (expr.exprKind.case !== 'comprehensionExpr') return undefined;
  const { accuVar, accuInit, iterVar, iterVar2, iterRange, loopCondition, loopStep, result } = expr.exprKind.value;
  const step = callOf(loopStep, '_||_');
  const go = callOf(callOf(loopCondition, '@not_strictly_false')?.[0], '!_')?.[0];
  const [first, test] = step ?? [];
  const shaped =
    accuInit !== undefined &&
    literalOf(accuInit) === false &&
    iterVar2 === '' &&
    first &&
    nameOf(first) === accuVar &&
    go &&
    nameOf(go) === accuVar &&
    result &&
    nameOf(result) === accuVar;
  return shaped && iterRange && test ? { list: iterRange, variable: iterVar, test } : undefined;
}

export const callOf = (expr: Expr | undefined, name: string): readonly Expr[] | undefined =>
  expr?.exprKind.case === 'callExpr' && expr.exprKind.value.function === name && !expr.exprKind.value.target
    ? expr.exprKind.value.args
    : undefined;
