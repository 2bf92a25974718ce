/**
 * Does a message look like what the contract says? By hand, because a schema library would be most of the bundle.
 *
 * NB. Not a nicety: a handler that trips over a missing field throws a plain error, which fails the Workflow task again
 * and again, and hangs everything, revoke included. What passes here cannot make a handler throw by accident.
 */
import type { AccessRequestInput, DecideInput, ExtendInput } from './contract.ts';

type Fields = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= 1_000;
const isTextList = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
const isInstant = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);

/** True where `value` has a text under every one of the names. */
export const hasTexts = (value: unknown, ...names: readonly string[]): boolean =>
  isRecord(value) && names.every((name) => isText(value[name]));

const isPerson = (value: unknown): boolean =>
  isRecord(value) &&
  hasTexts(value, 'id', 'state', 'kind') &&
  isTextList(value['groups']) &&
  isTextList(value['aliases']) &&
  Array.isArray(value['addedBy']) &&
  value['addedBy'].every((added) => hasTexts(added, 'group', 'by'));

const isAccount = (value: unknown): boolean =>
  isRecord(value) &&
  ['deleted', 'bot', 'restricted', 'stranger'].every((flag) => typeof value[flag] === 'boolean') &&
  isInstant(value['readAt']);

export const isDecideInput = (value: unknown): value is DecideInput =>
  isRecord(value) &&
  hasTexts(value, 'decisionId', 'digest') &&
  (value['verdict'] === 'approve' || value['verdict'] === 'deny') &&
  Number.isInteger(value['stage']) &&
  isInstant(value['madeAt']) &&
  isRecord(value['facts']) &&
  isPerson(value['facts']['person']) &&
  isAccount(value['facts']['account']);

export const isExtendInput = (value: unknown): value is ExtendInput =>
  hasTexts(value, 'extensionId', 'step') &&
  isRecord(value) &&
  ['asked', 'approved', 'over'].includes(String(value['step'])) &&
  isInstant(value['endAt']);

const isSelector = (value: unknown): boolean =>
  isRecord(value) &&
  (value['kind'] === 'group' ? isText(value['group']) : value['kind'] === 'person' && isText(value['person']));

const isStage = (value: unknown): boolean =>
  isRecord(value) &&
  Number.isInteger(value['need']) &&
  Number(value['need']) >= 1 &&
  Array.isArray(value['from']) &&
  value['from'].every(isSelector);

/** An `approvals` plan without a stage would be approved by nobody, so it is no plan. */
const isPlan = (value: unknown): boolean =>
  isRecord(value) &&
  isRecord(value['limits']) &&
  isInstant(value['limits']['useWithinMs']) &&
  (value['verdict'] === 'approvals'
    ? Array.isArray(value['stages']) && value['stages'].length > 0 && value['stages'].every(isStage)
    : value['verdict'] === 'automatic' || value['verdict'] === 'break-glass');

export const isAccessRequestInput = (value: unknown): value is AccessRequestInput =>
  isRecord(value) &&
  hasTexts(value, 'requestId', 'target', 'zone', 'digest') &&
  hasTexts(value['requester'], 'id') &&
  isRecord(value['requester']) &&
  isTextList(value['requester']['aliases']) &&
  isPlan(value['plan']) &&
  isInstant(value['decideByAt']) &&
  typeof value['slack'] === 'boolean' &&
  isInstant(value['noticeMs']);
