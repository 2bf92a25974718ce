/**
 * Names that are computed, never drawn, so that whoever repeats a step gets the same one; and the hash that binds an
 * approval to what was shown (I7). Each hash begins with its own tag: one kind can never stand for another.
 */
import { createHash, type Hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Verdict } from '../domain/decision.ts';
import type {
  DecisionId,
  Digest,
  ExtensionId,
  PersonId,
  PolicyHash,
  RequestId,
  RoleName,
  TargetName,
  TemplateName,
} from '../domain/ids.ts';
import type { Plan } from '../domain/plan.ts';

/** What an approver is shown and a decision is bound to. */
export type DigestFields = {
  readonly requestId: RequestId;
  readonly requester: PersonId;
  readonly target: TargetName;
  readonly databases: readonly string[];
  readonly role: RoleName;
  readonly template: TemplateName;
  readonly durationMs: number;
  readonly reasonHash: string;
  readonly ticket: string | null;
  /** When it shall begin, epoch ms; null: as soon as it is claimed. */
  readonly startAt: number | null;
  readonly plan: Plan;
};

/**
 * SHA-256 over the RFC 8785 form of a request, in lower-case hex.
 * The reason stands in it as its salted hash, so that erasing the text breaks no digest. What is not asked (a start, a
 * condition) is written down as null.
 * @throws Error when a text is not well-formed Unicode: edges refuse such text before
 */
export function digestOf(fields: DigestFields): Digest {
  const {
    plan,
    requestId,
    requester,
    target,
    databases,
    role,
    template,
    durationMs,
    reasonHash: reason,
    ticket,
    startAt: start,
  } = fields;
  const shown = { requestId, requester, target, databases, role, template, durationMs, reason, ticket, start };
  const condition = plan.verdict === 'denied' ? null : (plan.until ?? null);
  return hashOf('curfew-request-1', { ...shown, condition, plan: planHash(plan) }) as Digest;
}

/** What an approver of an extension is shown: the request's own digest, and how much longer. */
export type ExtensionFields = {
  readonly extensionId: ExtensionId;
  readonly request: Digest;
  /** Epoch ms. */
  readonly endAt: number;
  /** Salted; null where none was given. */
  readonly reasonHash: string | null;
  readonly plan: Plan;
};

export const extensionDigestOf = ({ plan, ...fields }: ExtensionFields): Digest =>
  hashOf('curfew-extension-1', { ...fields, plan: planHash(plan) }) as Digest;

/** SHA-256 over the RFC 8785 form of a plan; the policy's own hash stands in it. */
export const planHash = (plan: Plan): string => hashOf('curfew-plan-1', plan);

/**
 * SHA-256 over the RFC 8785 form of a receipt or of other evidence: the same before it is stored and after, because
 * that form knows neither the order of keys nor spaces. Without a tag, so that it can be made with any tool.
 */
export function evidenceHash(evidence: object): string {
  const form = canonicalize(evidence);
  if (form === undefined) throw new Error('only JSON can be hashed');
  return createHash('sha256').update(form, 'utf8').digest('hex');
}

/** SHA-256 of a policy file's text, byte for byte: a comment more is another version. */
export const policyHash = (text: string): PolicyHash =>
  createHash('sha256').update(text, 'utf8').digest('hex') as PolicyHash;

/** SHA-256 of salt and text. The salt, at least 16 random bytes, is kept and erased with the text. */
export function reasonHash(salt: Uint8Array, text: string): string {
  if (salt.byteLength < 16) throw new Error('a salt has at least 16 bytes');
  return createHash('sha256').update(salt).update(text, 'utf8').digest('hex');
}

/**
 * A decision's id: the same click gives the same id for ever, and with it the same row and the same Update, however
 * often it is delivered (I10). `voidsBefore` lets somebody whose decision became void decide again.
 */
export const decisionId = (of: {
  readonly requestId: RequestId;
  readonly digest: Digest;
  readonly stage: number;
  readonly person: PersonId;
  readonly verdict: Verdict;
  readonly voidsBefore: number;
}): DecisionId =>
  hashOf('curfew-decision-1', [of.requestId, of.digest, of.stage, of.person, of.verdict, of.voidsBefore]) as DecisionId;

/** The request that a Slack view id or an idempotency key stands for: asking again with one key opens nothing new. */
export const requestIdFrom = (key: string): RequestId => uuidFrom('curfew-request-id-1', key) as RequestId;

/** The same of an extension. */
export const extensionIdFrom = (key: string): ExtensionId => uuidFrom('curfew-extension-id-1', key) as ExtensionId;

/** The person whom a source knows by this handle, for as long as the handle is not given to somebody else. */
export const personIdFrom = (handle: string): PersonId => uuidFrom('curfew-person-id-1', handle) as PersonId;

function hashOf(tag: string, value: unknown): string {
  const form = canonicalize(value);
  if (form === undefined) throw new Error('only JSON can be hashed');
  return tagged(tag).update(form, 'utf8').digest('hex');
}

/** A UUID of version 8 whose other bits are SHA-256 of a name (RFC 9562, section 5.8 and appendix B.2). */
function uuidFrom(tag: string, name: string): string {
  const bytes = tagged(tag).update(name, 'utf8').digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const tagged = (tag: string): Hash => createHash('sha256').update(`${tag}\n`, 'utf8');
