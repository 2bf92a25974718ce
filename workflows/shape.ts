/**
 * Does a message look like what the contract says? By hand, because a schema library would be most of the bundle.
 *
 * NB. Not a nicety: a handler that trips over a missing field throws a plain error, which fails the Workflow task again
 * and again, and hangs everything, revoke included. What passes here cannot make a handler throw by accident.
 */
import type { AccessRequestInput, DecideInput, ExtendInput } from './contract.ts';

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string' && value.length > 0 && value.length <= 1_000;
const flag: Check = (value) => typeof value === 'boolean';
const instant: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const stageNumber: Check = (value) => Number.isInteger(value) && Number(value) >= 0;
const oneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const maybe =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));

const texts = list(text);
const spans = { remindAfterMs: maybe(instant), decideWithinMs: maybe(instant) };

/** True where `value` has a text under every one of the names. */
export const hasTexts = (value: unknown, ...names: readonly string[]): boolean =>
  record(Object.fromEntries(names.map((name) => [name, text])))(value);

const human = {
  id: text,
  state: text,
  kind: text,
  groups: texts,
  otherGroups: maybe(texts),
  aliases: texts,
  addedBy: list(record({ group: text, by: text })),
  onCall: maybe(texts),
  reviewDebt: maybe(flag),
};
const person = record({
  ...human,
  standsInFor: maybe(list(record({ ...human, by: text }))),
  reciprocal: maybe(texts),
});
const account = record({ deleted: flag, bot: flag, restricted: flag, stranger: flag, readAt: instant });

const decideInput = record({
  decisionId: text,
  digest: text,
  verdict: oneOf('approve', 'deny'),
  stage: stageNumber,
  madeAt: instant,
  facts: record({ person, account }),
});
export const isDecideInput = (value: unknown): value is DecideInput => decideInput(value);

const extendInput = record({ extensionId: text, step: oneOf('asked', 'approved', 'over'), endAt: instant });
export const isExtendInput = (value: unknown): value is ExtendInput => extendInput(value);

const selectors = list(
  (value) =>
    record({ kind: oneOf('group'), group: text })(value) ||
    record({ kind: oneOf('person'), person: text })(value) ||
    record({ kind: oneOf('on-call'), schedule: text })(value),
);
const stages = list(
  record({
    need: (value) => stageNumber(value) && value !== 0,
    from: selectors,
    never: maybe(list(record({ groups: texts }))),
    escalate: maybe(record({ afterMs: instant, to: selectors })),
    ...spans,
  }),
);

/** An `approvals` plan without a stage would be approved by nobody, so it is no plan. */
const plan: Check = (value) =>
  record({ verdict: oneOf('automatic', 'break-glass', 'approvals'), limits: record({ useWithinMs: instant }) })(
    value,
  ) &&
  (!record({ verdict: oneOf('approvals') })(value) ||
    record({ stages: (all) => stages(all) && (all as readonly unknown[]).length > 0 })(value));

const accessRequestInput = record({
  requestId: text,
  target: text,
  zone: text,
  digest: text,
  requester: record({ id: text, aliases: texts }),
  plan,
  openedAt: maybe(instant),
  startAt: maybe(instant),
  decideByAt: instant,
  slack: flag,
  noticeMs: instant,
  endsByRecord: maybe(flag),
});
export const isAccessRequestInput = (value: unknown): value is AccessRequestInput => accessRequestInput(value);
