/**
 * Branded identifiers: strings at run time, distinct types to the compiler, so that a person's id can never be
 * passed where a request's is meant. Values are made at the edges (`as PersonId` after parsing) and trusted inside.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Canonical id of a human: a UUID, opaque, the same over renames and rehires. */
export type PersonId = Branded<'PersonId'>;
/** UUID of a request. The grant's id is the request's: one grant a request. */
export type RequestId = Branded<'RequestId'>;
/** 64 hex digits: a hash of request, digest, stage, person, verdict and the count of that person's voids. */
export type DecisionId = Branded<'DecisionId'>;
/** UUID naming a claim: the reference that a Workflow carries instead of a verifier. */
export type CredentialId = Branded<'CredentialId'>;
/** UUID of an extension: the holder of a grant asks for a later end. */
export type ExtensionId = Branded<'ExtensionId'>;
/** UUID of a policy version that somebody proposes. */
export type ProposalId = Branded<'ProposalId'>;
/** UUID of the link between a Slack account and a person. */
export type LinkId = Branded<'LinkId'>;
/** UUID of the note that something rests on the approval of somebody who is gone. */
export type TaintId = Branded<'TaintId'>;
/** Name of a target in the policy file, e.g. `orders-prod`. */
export type TargetName = Branded<'TargetName'>;
/** Name of a NOLOGIN role on the target that carries privileges, e.g. `orders_read`. */
export type TemplateName = Branded<'TemplateName'>;
/** What a person asks for on a target, in the policy's words: `read`, `write`, `maintain`. */
export type RoleName = Branded<'RoleName'>;
/** 64 hex digits: SHA-256 over the RFC 8785 form of what an approver is shown. */
export type Digest = Branded<'Digest'>;
/** 64 hex digits: SHA-256 of a policy file's text. */
export type PolicyHash = Branded<'PolicyHash'>;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a lower-case UUID of any version: the only form in which Curfew writes one. */
export const isUuid = (text: string): boolean => uuidPattern.test(text);

/** The login role of a grant on its target: `cfw_` and the request's UUID without hyphens. Never from user text (P23). */
export const roleOf = (id: RequestId): string => `cfw_${id.replaceAll('-', '')}`;

/** The short form of a request's id that people see: its first eight digits. Never used to look anything up. */
export const shortId = (id: RequestId): string => id.slice(0, 8);
