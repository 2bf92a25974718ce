/**
 * Conditions: CEL expressions of the policy file, parsed and compiled once, evaluated many times. What has a simple
 * shape runs as closures of ours (`condition-fast.ts`), anything else in the library. Both give the same answers.
 */
import { celEnv, isCelError, parse, plan, unparse, type CelInput } from '@bufbuild/cel';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { secondMs } from '../domain/time.ts';
import { childrenOf, depthOf, nameOf, type Expr } from './condition-tree.ts';
import { closureOf } from './condition-fast.ts';
import type { Place } from './issue.ts';
import type { CompiledCondition, ConditionFacts, ConditionResult } from './policy.ts';

export type Evaluate = (facts: ConditionFacts) => ConditionResult;

/** A condition that is CEL. Offsets are in UTF-16 units from its start. */
export type ParsedCondition = {
  readonly text: string;
  readonly expr: Expr;
  readonly offset: (expr: Expr) => number;
  /** A part of it as text. */
  readonly words: (expr: Expr) => string;
};
type Mistake = { readonly code: string; readonly message: string; readonly offset: number };

const longestCondition = 1_000;
const deepestBrackets = 16;
const deepestTree = 64;

/**
 * Parses one condition. Never throws.
 * NB. Length and nesting are bounded before the parser, which recurses, sees the text; and a macro inside of another's
 * body is refused, so that an evaluation takes time in proportion to the lists that it looks at.
 */
export function parseCondition(text: string): ParsedCondition | Mistake {
  if (text.trim() === '') return { code: 'bad-condition', message: 'the condition is empty', offset: 0 };
  if (text.length > longestCondition) {
    return { code: 'bad-condition', message: `longer than ${longestCondition} characters`, offset: 0 };
  }
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    return { code: 'bad-condition', message: `brackets are nested more than ${deepestBrackets} deep`, offset: deep };
  }
  try {
    const parsed = parse(text);
    const { expr, sourceInfo } = parsed;
    const offset = (of: Expr): number => sourceInfo?.positions[String(of.id)] ?? 0;
    if (depthOf(expr) > deepestTree) return { code: 'bad-condition', message: 'nested too deep', offset: 0 };
    const inner = nestedMacro(expr, false);
    if (inner) {
      const message = 'a list may not be gone through for each entry of another: write "x in list" inside';
      return { code: 'bad-condition', message, offset: offset(inner) };
    }
    return { text, expr, offset, words: (part) => unparse({ ...parsed, expr: part }) };
  } catch (error) {
    return { code: 'bad-condition', ...syntaxError(error, text) };
  }
}

/** @param at where it stands, for explanations */
export function compileCondition({ text, expr, words }: ParsedCondition, at: Place): CompiledCondition {
  const clauses = conjuncts(expr).map((part) => ({
    text: words(part),
    early: !mentions(part, ['request', 'now']),
    evaluate: evaluateOf(part),
  }));
  return { text: text.trim(), at, clauses, evaluate: evaluateOf(expr) };
}

/** The closure of an expression: ours where its shape is simple, else the library's. */
const evaluateOf = (expr: Expr): Evaluate => closureOf(expr, byLibrary) ?? byLibrary(expr);

const env = celEnv();

/** Is there a function of this name? Operators included. */
export const knowsFunction = (name: string): boolean => env.funcs.find(name) !== undefined;

/**
 * The library's evaluation. NB. It answers an error as a value, which is truthy: only `true` itself is true, and what is
 * neither true nor false failed.
 */
export function byLibrary(expr: Expr): Evaluate {
  const planned = plan(env, expr);
  return (facts) => {
    const value = planned(bindingsOf(facts));
    if (value === true || value === false) return value;
    return { failed: isCelError(value) ? value.message : 'it is neither true nor false' };
  };
}

/** What an expression answers, whatever its type, or why not: for the checks of a file. */
export function tryExpression(
  expr: Expr,
  facts: ConditionFacts,
): { readonly failed: string } | { readonly value: unknown } {
  const value = plan(env, expr)(bindingsOf(facts));
  return isCelError(value) ? { failed: value.message } : { value };
}

const known = new WeakMap<ConditionFacts, Record<string, CelInput>>();

/** The facts by the names of the file. What is not there is the empty text, so that nothing needs a null. */
function bindingsOf(facts: ConditionFacts): Record<string, CelInput> {
  const before = known.get(facts);
  if (before) return before;
  const { requester, target, request } = facts;
  const { id, kind, state, manager, groups, onCall } = requester;
  const fresh = {
    requester: new Map<string, CelInput>([
      ['id', id],
      ['kind', kind],
      ['state', state],
      ['manager', manager ?? ''],
      ['groups', groups],
      ['onCall', onCall ?? []],
    ]),
    target: new Map<string, CelInput>([...target.labels, ['labels', target.labels], ['name', target.name]]),
    request: new Map<string, CelInput>([
      ['role', request.role],
      ['duration', BigInt(Math.floor(request.durationMs / secondMs))],
      ['ticket', request.ticket ?? ''],
      ['start', timestampFromMs(request.startAt ?? request.now)],
    ]),
    now: timestampFromMs(request.now),
  };
  known.set(facts, fresh);
  return fresh;
}

const mentions = (expr: Expr, names: readonly string[]): boolean =>
  names.includes((nameOf(expr) ?? '').replace(/^\./, '')) || childrenOf(expr).some((child) => mentions(child, names));

/** The parts of `a && b && c`, from left to right. */
function conjuncts(expr: Expr): readonly Expr[] {
  const { exprKind } = expr;
  return exprKind.case === 'callExpr' && exprKind.value.function === '_&&_'
    ? exprKind.value.args.flatMap(conjuncts)
    : [expr];
}

const strings = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g;

function tooDeepAt(text: string): number | undefined {
  const bare = text.replace(strings, (quoted) => ' '.repeat(quoted.length));
  let depth = 0;
  for (let at = 0; at < bare.length; at += 1) {
    if ('([{'.includes(bare.charAt(at))) depth += 1;
    else if (')]}'.includes(bare.charAt(at))) depth -= 1;
    if (depth > deepestBrackets) return at;
  }
  return undefined;
}

/** A macro (`exists`, `all`, `map`, ...) in what another one does for each entry. */
function nestedMacro(expr: Expr, inside: boolean): Expr | undefined {
  const { exprKind } = expr;
  if (exprKind.case !== 'comprehensionExpr') return firstOf(childrenOf(expr), (child) => nestedMacro(child, inside));
  if (inside) return expr;
  const { iterRange, loopStep, loopCondition } = exprKind.value;
  const body = [loopStep, loopCondition].filter((one) => one !== undefined);
  return (iterRange && nestedMacro(iterRange, false)) ?? firstOf(body, (child) => nestedMacro(child, true));
}

function firstOf<Item, Found>(items: readonly Item[], find: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The parser says `<input>:line:column: found x but expecting ...`, with every token that there is. */
function syntaxError(error: unknown, text: string): { readonly message: string; readonly offset: number } {
  const said = error instanceof Error ? error.message : '';
  const [, line = '1', column = '1', rest = said] = /<input>:(\d+):(\d+): ([^]*)/.exec(said) ?? [];
  const before = text.split('\n').slice(0, Number(line) - 1);
  const offset = before.reduce((sum, { length }) => sum + length + 1, Number(column) - 1);
  const found = /^found ([^]+?) but/.exec(rest)?.[1];
  const why = found === undefined ? (rest.split('\n')[0] ?? '').slice(0, 100) : `${found} is not expected here`;
  return { message: `this is no CEL expression: ${why}`, offset: Math.min(Math.max(0, offset), text.length) };
}
