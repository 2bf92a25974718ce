/**
 * What can be said of a condition before anybody asks for anything. CEL as we run it has no types: so names, fields,
 * functions and the words that texts are compared with are looked up in the tree, and its parts are tried on a person
 * and a target that are made up.
 */
import { minuteMs } from '../domain/time.ts';
import { isUuid } from '../domain/ids.ts';
import { byName, fieldNames, valuesOf, variables, type Vocabulary } from './condition-words.ts';
import { knowsFunction, tryExpression, type ParsedCondition } from './condition.ts';
import { callOf, childrenOf, literalOf, nameOf, pathOf, type Expr } from './condition-tree.ts';
import { hint, quote } from './issue.ts';
import type { ConditionFacts, TargetPolicy } from './policy.ts';

/** Tells something at a character of the condition. */
export type TellInside = (offset: number, code: string, message: string, warning?: boolean) => void;
type Target = Pick<TargetPolicy, 'name' | 'labels'>;

/** @param matched the targets on which it is asked */
export function checkCondition(
  condition: ParsedCondition,
  vocabulary: Vocabulary,
  matched: readonly Target[],
  what: 'rule' | 'denial',
  tell: TellInside,
): void {
  const walk = new Walk(condition, vocabulary, tell);
  walk.look(condition.expr, new Map());
  if (walk.mistakes > 0) return;
  for (const [label, at] of walk.labels) {
    const without = matched.find((target) => !target.labels.has(label));
    if (!without || walk.asked.has(label)) continue;
    const then = what === 'rule' ? 'this rule gives nothing there' : 'everything is denied there';
    tell(
      at,
      'missing-label',
      `${without.name} has no label ${quote(label)}: ${then}; ask has(target.${label}) first`,
      true,
    );
  }
  tryParts(condition, matched[0], tell);
}

/** Variables of macros, with the list whose entries they are where it is one of ours. */
type Scope = ReadonlyMap<string, string | undefined>;

class Walk {
  mistakes = 0;
  /** Labels that are read, with where; and those whose presence is asked. */
  readonly labels = new Map<string, number>();
  readonly asked = new Set<string>();
  readonly #condition: ParsedCondition;
  readonly #words: Vocabulary;
  readonly #tell: TellInside;

  constructor(condition: ParsedCondition, words: Vocabulary, tell: TellInside) {
    this.#condition = condition;
    this.#words = words;
    this.#tell = tell;
  }

  look(expr: Expr, scope: Scope): void {
    const { exprKind } = expr;
    const path = pathOf(expr);
    if (path && !scope.has(path[0] ?? '')) return this.#path(expr, path);
    if (exprKind.case === 'selectExpr' && exprKind.value.testOnly && exprKind.value.operand) {
      const inner = pathOf(exprKind.value.operand);
      if (inner && !scope.has(inner[0] ?? '')) return this.#has(expr, [...inner, exprKind.value.field]);
    }
    if (exprKind.case === 'comprehensionExpr') {
      const { iterRange, iterVar, accuVar } = exprKind.value;
      const inside = new Map([...scope, [iterVar, iterRange && pathOf(iterRange)?.join('.')], [accuVar, undefined]]);
      return childrenOf(expr).forEach((child) => this.look(child, child === iterRange ? scope : inside));
    }
    if (exprKind.case === 'callExpr') this.#call(expr, exprKind.value.function, scope);
    childrenOf(expr).forEach((child) => this.look(child, scope));
  }

  #mistake(offset: number, code: string, message: string): void {
    this.mistakes += 1;
    this.#tell(offset, code, message);
  }

  #path(expr: Expr, path: readonly string[]): void {
    const [variable = '', field, ...rest] = path;
    const at = this.#condition.offset(expr);
    if (!variables.includes(variable)) {
      let root = expr;
      for (let left = path.length; left > 1; left -= 1) root = childrenOf(root)[0] ?? root;
      const words = hint(variable, variables);
      return this.#mistake(this.#condition.offset(root), 'unknown-name', `unknown name ${quote(variable)}${words}`);
    }
    if (field === undefined) return;
    const known = fieldNames(variable, this.#words);
    if (!known.includes(field)) {
      if (variable === 'target' && this.#words.incomplete) return;
      return this.#mistake(at + 1, 'unknown-field', `${variable} has no field ${quote(field)}${hint(field, known)}`);
    }
    const label = variable !== 'target' || field === 'name' ? undefined : field === 'labels' ? rest[0] : field;
    const deepest = field === 'labels' ? 1 : 0;
    if (rest.length > deepest) {
      return this.#mistake(at + 1, 'unknown-field', `${path.slice(0, 2 + deepest).join('.')} has no fields`);
    }
    if (label === undefined) return;
    if (!this.#words.labels.has(label) && !this.#words.incomplete) {
      const words = hint(label, this.#words.labels.keys());
      return this.#mistake(at + 1, 'unknown-field', `no target has a label ${quote(label)}${words}`);
    }
    if (!this.labels.has(label)) this.labels.set(label, at);
  }

  #has(expr: Expr, path: readonly string[]): void {
    const read = new Map(this.labels);
    this.#path(expr, path);
    const label = path.at(-1) ?? '';
    if (path[0] === 'target') this.asked.add(label);
    if (!read.has(label)) this.labels.delete(label);
  }

  #call(expr: Expr, name: string, scope: Scope): void {
    if (/^[a-z]/i.test(name) && !knowsFunction(name)) {
      const macro = macros.includes(name);
      const at = Math.max(0, this.#condition.text.lastIndexOf(name, this.#condition.offset(expr)));
      const why = macro ? `${name} is not called like this` : `unknown function ${quote(name)}${hint(name, functions)}`;
      return this.#mistake(at, 'unknown-function', why);
    }
    const [left, right] = callOf(expr, '_==_') ?? callOf(expr, '_!=_') ?? [];
    if (left && right) {
      this.#compared(left, right, scope);
      this.#compared(right, left, scope);
    }
    const [item, list] = callOf(expr, '@in') ?? [];
    if (!item || !list) return;
    const path = pathOf(list)?.join('.');
    if (path !== undefined) this.#word(path, item);
    if (list.exprKind.case === 'listExpr')
      for (const word of list.exprKind.value.elements) this.#compared(item, word, scope);
  }

  /** A field, or an entry of a list, beside a constant with which it is compared. */
  #compared(term: Expr, constant: Expr, scope: Scope): void {
    const variable = nameOf(term);
    const path = variable !== undefined && scope.has(variable) ? scope.get(variable) : pathOf(term)?.join('.');
    if (path !== undefined) this.#word(path, constant);
  }

  #word(path: string, constant: Expr): void {
    const word = literalOf(constant);
    if (word === undefined) return;
    const at = this.#condition.offset(constant);
    const isNumber = path === 'request.duration';
    const values = valuesOf(path, this.#words);
    if (!values && !isNumber) return;
    if (word === null) return this.#mistake(at, 'wrong-type', `${path} is never null: compare with the empty text ""`);
    if (isNumber && typeof word !== 'bigint' && typeof word !== 'number')
      return this.#mistake(at, 'wrong-type', `${path} is a number of seconds, not ${quote(String(word))}`);
    if (isNumber || !values) return;
    if (typeof word !== 'string') return this.#mistake(at, 'wrong-type', `${path} holds text, not ${String(word)}`);
    if (values.kind === 'id' && word !== '' && !isUuid(word)) {
      return this.#tell(at, 'never-equal', `${path} is a UUID: name people under "requesters", as person:HANDLE`, true);
    }
    if (values.kind !== 'words' || values.words.has(word)) return;
    this.#tell(at, values.code, `${values.none} ${quote(word)}${hint(word, values.words)}`, true);
  }
}

const macros = ['has', 'all', 'exists', 'exists_one', 'map', 'filter'];
const functions = macros.concat(
  ['size', 'contains', 'startsWith', 'endsWith', 'matches', 'duration', 'timestamp', 'int', 'double', 'string'],
  ['getFullYear', 'getMonth', 'getDate', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes', 'getSeconds'],
);

/** Trees of more parts than this are tried as a whole only. */
const mostTried = 100;

/** Tries each part that stands for itself: texts that are compared with numbers, patterns and zones that are none. */
function tryParts({ expr, offset }: ParsedCondition, target: Target | undefined, tell: TellInside): void {
  const facts = madeUp(target);
  const wholeOnly = sizeOf(expr) > mostTried;
  const attempt = (part: Expr): boolean => {
    if (!wholeOnly && nameOf(part) === undefined) {
      const parts = part.exprKind.case === 'comprehensionExpr' ? [part.exprKind.value.iterRange] : childrenOf(part);
      if (parts.map((inner) => inner !== undefined && attempt(inner)).includes(true)) return true;
    }
    const tried = tryExpression(part, facts);
    if (!('failed' in tried)) return false;
    const wrong = wrongType.test(tried.failed);
    if (!wrong && !badLiteral.test(tried.failed)) return false;
    tell(offset(part), wrong ? 'wrong-type' : 'bad-literal', readable(tried.failed));
    return true;
  };
  if (attempt(expr)) return;
  const whole = tryExpression(expr, facts);
  if ('value' in whole && typeof whole.value !== 'boolean') {
    tell(0, 'not-a-condition', 'a condition is true or false, and this is neither: compare it with something');
  }
}

const wrongType = /no matching overload|type mismatch|unsupported/;
const badLiteral = /regexp|invalid time ?zone|failed to parse/i;

const readable = (failed: string): string =>
  failed
    .replace(
      /^found no matching overload for '([^']*)' applied to '([^']*)'$/,
      (_, name: string, types: string) => `${byName(name)} cannot be applied to ${types}`,
    )
    .replace(
      /^Failed to parse (timestamp|duration).*$/s,
      (_, what: keyof typeof examples) => `this is no ${what} like ${examples[what]}`,
    )
    .replaceAll('google.protobuf.', '');

const examples = { timestamp: '2026-01-31T08:00:00Z', duration: '90s or 1h30m' } as const;

const sizeOf = (expr: Expr): number => childrenOf(expr).reduce((size, child) => size + sizeOf(child), 1);

const madeUp = (target: Target | undefined): ConditionFacts => ({
  requester: {
    id: '' as ConditionFacts['requester']['id'],
    state: 'active',
    kind: 'employee',
    manager: null,
    groups: ['group'],
    onCall: ['schedule'],
    aliases: [],
    addedBy: [],
  },
  target: target ?? { name: 'target' as Target['name'], labels: new Map() },
  request: { role: 'role', durationMs: minuteMs, ticket: 'TICKET-1', startAt: null, now: 0 },
});
