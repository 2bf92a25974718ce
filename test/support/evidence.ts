/**
 * A log as Curfew writes it, made by hand with the real constructors and the real policy: so that evidence can be
 * written, changed and verified without a store.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import canonicalize from 'canonicalize';
import { checkpointText } from '../../audit/checkpoint.ts';
import { entryLine } from '../../audit/entry-line.ts';
import { formatName, type EvidenceIndex } from '../../audit/evidence/format.ts';
import { writeEvidence } from '../../audit/evidence/write.ts';
import { buildIdOf } from '../../audit/history/events.ts';
import {
  leafHash,
  nodeHash,
  proveConsistency,
  proveInclusion,
  rootNodes,
  rootOf,
  type NodeId,
} from '../../audit/merkle.ts';
import { newKey, readSigner, readVerifier, signNote, type Signer, type Verifier } from '../../audit/signed-note.ts';
import { policyText as sampleText } from '../../dev/company/directory.ts';
import { claiming, deciding, ending, granting, opening, policy } from '../../dev/company/life.ts';
import { isRefusal } from '../../domain/errors.ts';
import type { AuditEntry } from '../../domain/events.ts';
import { endAsked } from '../../domain/events/grant.ts';
import { historyExported } from '../../domain/events/history.ts';
import type { CredentialId, PersonId, RequestId } from '../../domain/ids.ts';
import type { PersonFacts } from '../../domain/person.ts';
import { stagesOf } from '../../domain/plan.ts';
import { policyHash } from '../../policy/digest.ts';

export { policy };
export const policyText = sampleText();

export const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const facts = (n: number, groups: readonly string[]): PersonFacts => ({
  id: uuid(n) as PersonId,
  state: 'active',
  kind: 'employee',
  manager: null,
  groups: [...groups].toSorted(),
  aliases: [],
  addedBy: [],
});
export const people = {
  requester: facts(1, ['engineers']),
  owner: facts(2, ['data-owners', 'data-owners-payments']),
  other: facts(3, ['data-owners', 'data-owners-payments']),
};

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
export const canonical = (value: unknown): Buffer => Buffer.from(canonicalize(value) ?? '', 'utf8');

const writers: Readonly<Record<string, string>> = {
  'grant.made': 'curfew_worker',
  'grant.ended': 'curfew_worker',
  'request.closed': 'curfew_worker',
  'history.exported': 'curfew_worker',
  'policy.applied': 'curfew_admin',
};

/** A log that grows by what happens, on a clock that is its own. */
export class SampleLog {
  readonly lines: Buffer[] = [];
  readonly receipts: Buffer[] = [];
  readonly histories: { workflow: string; run: string; bytes: Buffer }[] = [];
  readonly bundles = new Map<string, Buffer>();
  at = Date.parse('2026-03-02T09:00:00Z');
  #requests = 0;

  /** @returns its place */
  append(entry: AuditEntry | { kind: string; actor: string; subject: string; body: object }, login?: string): number {
    this.at += 137;
    const { kind, actor, subject, body } = entry;
    const at = `${new Date(this.at).toISOString().slice(0, -1)}421Z`;
    const id = this.lines.length + 1;
    const line = entryLine({
      id,
      at,
      login: login ?? writers[kind] ?? 'curfew_api',
      kind,
      actor,
      subject,
      body: canonical(body),
    });
    this.lines.push(line);
    return this.lines.length - 1;
  }

  /** Somebody asks to read the orders for an hour. */
  ask(role = 'read'): { readonly id: RequestId; readonly index: number } {
    this.#requests += 1;
    const id = uuid(0x1000 + this.#requests) as RequestId;
    const salt = Buffer.alloc(16, this.#requests);
    const all = [people.owner, people.other];
    const asking = { requester: people.requester, people: all, role, openedAt: this.at, salt };
    return { id, index: this.append(opening(id, asking)) };
  }

  opened(id: RequestId) {
    const line = this.lines.find((one) => one.includes('"request.opened"') && one.includes(`"subject":"${id}"`));
    return (JSON.parse(String(line)) as { body: Extract<AuditEntry, { kind: 'request.opened' }>['body'] }).body;
  }

  decide(id: RequestId, verdict: 'approve' | 'deny' = 'approve', by = people.owner): number {
    const denial = verdict === 'deny' ? sha256('no') : null;
    return this.append(deciding(id, this.opened(id), { by, madeAt: this.at, denial }));
  }

  claim(id: RequestId): number {
    const opened = this.opened(id);
    const approvers = stagesOf(opened.plan).length > 0 ? [people.owner] : [];
    const credential = uuid(0x2000 + this.#requests) as CredentialId;
    return this.append(claiming(id, opened, { credential, acceptedAt: this.at, approvers }));
  }

  claimed(id: RequestId) {
    const line = this.lines.find((one) => one.includes('"claim.accepted"') && one.includes(`"subject":"${id}"`));
    return (JSON.parse(String(line)) as { body: Extract<AuditEntry, { kind: 'claim.accepted' }>['body'] }).body;
  }

  grant(id: RequestId): number {
    const { entry, receipt } = granting(id, this.opened(id), this.claimed(id), this.at);
    this.receipts.push(canonical(receipt));
    return this.append(entry);
  }

  /** Ends by itself, at its end. */
  end(
    id: RequestId,
    { lateMs = 900, outcome = 'expired' as const }: { lateMs?: number; outcome?: 'expired' | 'released' } = {},
  ): number {
    const { endAt } = this.claimed(id);
    if (outcome === 'expired') this.at = Math.max(this.at, endAt + lateMs);
    const verifiedAt = this.at;
    const last = { outcome, startedAt: verifiedAt - 40, verifiedAt, node: 'a:5432', sessions: 1 };
    const { entry, receipt } = ending(id, this.opened(id), last);
    this.receipts.push(canonical(receipt));
    return this.append(entry);
  }

  release(id: RequestId): number {
    return this.append(endAsked(people.requester.id, id, { cause: 'released' }));
  }

  /** A request, its approval, its claim, its grant and its end. */
  whole(): RequestId {
    const { id } = this.ask();
    this.decide(id);
    this.claim(id);
    this.grant(id);
    this.end(id);
    return id;
  }

  /**
   * The history of a request's Workflow is kept.
   * @param scripts that completed a task of it each, in their order; undefined: by a worker that did not say by what
   */
  keep(id: RequestId, scripts: readonly (string | undefined)[] = ['workflows']): number {
    const bytes = historyOf(id, scripts);
    const [workflow, run] = [`access-request/${id}`, uuid(0x3000 + this.#requests)];
    this.histories.push({ workflow, run, bytes });
    const last = scripts.at(-1);
    const named = scripts.flatMap((script) => script ?? []);
    if (last !== undefined) this.bundles.set(sha256(last), Buffer.from(last));
    const hashes = {
      sha256: sha256(bytes),
      original: sha256('encrypted'),
      bundle: last === undefined ? null : sha256(last),
    };
    const body = { workflow, run, type: 'accessRequest', events: 1 + scripts.length, ...hashes };
    return this.append(historyExported('curfew_worker', id, { ...body, bundles: [...new Set(named.map(sha256))] }));
  }

  /** As it is now, with what stands beside it. */
  written(): Written {
    const { lines, receipts, histories, bundles, at } = this;
    return { lines: [...lines], receipts: [...receipts], histories: [...histories], bundles, at };
  }

  applyPolicy(): number {
    return this.append({
      kind: 'policy.applied',
      actor: 'curfew_admin',
      subject: policy.hash,
      body: { number: 1, hash: policy.hash, proposal: uuid(0x9000) },
    });
  }
}

const event = (eventId: string, eventType: string, attributes: object) => ({
  eventId,
  eventTime: '2026-03-02T09:00:00Z',
  eventType,
  ...attributes,
});

function historyOf(id: RequestId, scripts: readonly (string | undefined)[]): Buffer {
  const completed = scripts.map((script, place) =>
    event(String(place + 2), 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED', {
      workflowTaskCompletedEventAttributes:
        script === undefined ? {} : { workerVersion: { buildId: buildIdOf(script) } },
    }),
  );
  const started = event('1', 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED', { request: id });
  return canonical({ events: [started, ...completed] });
}

/** Reads hashes of complete subtrees of these leaves. */
export function readerOf(leaves: readonly Buffer[]): (nodes: readonly NodeId[]) => Promise<Buffer[]> {
  const hashOf = ({ level, index }: NodeId): Buffer => {
    const leaf = leaves[index];
    if (level === 0 && leaf) return leaf;
    if (level === 0) throw new Error(`no leaf ${index}`);
    return nodeHash(hashOf({ level: level - 1, index: 2 * index }), hashOf({ level: level - 1, index: 2 * index + 1 }));
  };
  return (nodes) => Promise.resolve(nodes.map(hashOf));
}

export type Keys = { readonly signer: Signer; readonly verifier: Verifier };

export function keysOf(name = 'curfew'): Keys {
  const made = newKey(name);
  const [signer, verifier] = [readSigner(made.signer), readVerifier(made.verifier)];
  if (isRefusal(signer) || isRefusal(verifier)) throw new Error('a new key cannot be read');
  return { signer, verifier };
}

export async function checkpointOf(
  lines: readonly Buffer[],
  size: number,
  { signer }: Keys,
  at: number,
  origin = 'curfew/1',
): Promise<string> {
  const root = await rootOf(size, readerOf(lines.map(leafHash)));
  return signNote(checkpointText({ origin, size, root, at }), [signer]);
}

export type Written = {
  readonly lines: readonly Buffer[];
  /** As the log has them; those of the lines where absent. */
  readonly leaves?: readonly Buffer[];
  /** Of what was put into the log, and signed; those that are written where absent. */
  readonly signed?: readonly Buffer[];
  readonly receipts: readonly Buffer[];
  /** No such member where absent. */
  readonly statements?: readonly Buffer[];
  readonly histories: readonly { workflow: string; run: string; bytes: Buffer }[];
  readonly bundles: ReadonlyMap<string, Buffer>;
  readonly policies?: readonly { readonly hash: string; readonly text: string }[];
  /** Sizes at which checkpoints were signed, growing; the last one is the log's. */
  readonly sizes?: readonly number[];
  /** Where the span begins and ends; the whole log where absent. */
  readonly span?: { readonly from: number; readonly to: number };
  /** Those of before and after the span that stand in the file. */
  readonly picked?: readonly number[];
  readonly at: number;
  /** When each checkpoint was signed; from `at` on where absent. */
  readonly signedAts?: readonly number[];
  /** Signed openings of later epochs, and the epoch of each checkpoint; the first where absent. */
  readonly openings?: readonly string[];
  readonly epochs?: readonly number[];
  /** What evidence.json says otherwise. */
  readonly index?: Partial<EvidenceIndex>;
};

/** What a file is about that has these entries: from the first one on, or the one after it, until the newest checkpoint. */
function askedOf(
  lines: readonly Buffer[],
  span: EvidenceIndex['span'],
  picked: readonly number[],
  signedAt: number,
): EvidenceIndex['asked'] {
  const opened = picked.map((place) => String(lines[place])).find((line) => line.includes('"request.opened"'));
  if (span.from === span.to && opened) {
    return { kind: 'request', request: /"subject":"([^"]+)"\}$/.exec(opened)?.[1] ?? '' };
  }
  const [, first = '2026-01-01T00:00:00.000'] =
    /"at":"([^"]{23})/.exec(String(lines[span.from === 0 ? 0 : span.from + 1])) ?? [];
  return { kind: 'span', fromAt: `${first}Z`, toAt: new Date(signedAt).toISOString() };
}

/** Writes evidence of a log, with checkpoints of these keys. @returns the notes, oldest first */
export async function writeSample(path: string, log: Written, keys: Keys): Promise<readonly string[]> {
  const leaves = log.leaves ?? log.lines.map(leafHash);
  const signed = log.signed ?? leaves;
  const read = readerOf(signed);
  const size = signed.length;
  const sizes = log.sizes ?? [Math.ceil(size / 2), size];
  const newest = sizes.at(-1) ?? size;
  const span = log.span ?? { from: 0, to: newest };
  const picked = log.picked ?? [];
  const notes: string[] = [];
  const checkpoints = [];
  for (const [at, one] of sizes.entries()) {
    const root = await rootOf(one, read);
    const note = signNote(
      checkpointText({
        origin: `curfew/${log.epochs?.[at] ?? 1}`,
        size: one,
        root,
        at: log.signedAts?.[at] ?? log.at + at,
      }),
      [keys.signer],
    );
    const before = sizes[at - 1];
    const proof = before === undefined ? [] : await proveConsistency(before, one, read);
    checkpoints.push({ note, consistency: proof.map((hash) => hash.toString('base64')) });
    notes.push(note);
  }
  const proofs = await Promise.all(picked.map((index) => proveInclusion(index, newest, read)));
  const line = (index: number): Buffer => log.lines[index] ?? Buffer.alloc(0);
  const before = picked.filter((index) => index < span.from);
  const after = picked.filter((index) => index >= span.to);
  const edge = span.to > span.from ? await read(rootNodes(span.from)) : [];
  const index = (counts: EvidenceIndex['counts']): EvidenceIndex => ({
    format: formatName,
    asked: askedOf(log.lines, span, picked, log.at + sizes.length - 1),
    origin: 'curfew/1',
    size: newest,
    span,
    edge: edge.map((hash) => hash.toString('base64')),
    counts,
    ...log.index,
  });
  writeFileSync(path, '');
  await writeEvidence(path, {
    readme: 'A sample.\n',
    checkpoints,
    epochs: log.openings ?? [],
    entries: [
      ...before.map(line),
      ...log.lines.slice(span.from, span.to + log.lines.length - size),
      ...after.map(line),
    ],
    leaves: leaves.slice(span.from, span.to),
    places: picked.map((place, at) => ({
      index: place,
      proof: (proofs[at] ?? []).map((hash) => hash.toString('base64')),
    })),
    receipts: log.receipts,
    ...(log.statements && { statements: log.statements }),
    histories: log.histories,
    policies: log.policies ?? [{ hash: policyHash(policyText), text: policyText }],
    bundles: [...log.bundles].map(([hash, bytes]) => ({ hash, bytes })),
    index,
  });
  return notes;
}
