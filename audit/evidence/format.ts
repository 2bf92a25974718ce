/**
 * The evidence file: a zip whose members are text that can be read with nothing but an editor. What proves something is
 * in `entries.jsonl`, `places.jsonl` and `checkpoints.jsonl`; every other member is named by an entry, by its hash.
 *
 * The lines of `entries.jsonl` stand in the order of the log. First those that were picked one by one from before the
 * span, then the whole span without a gap, then those picked from after it; each picked one has its place and its proof
 * in `places.jsonl`, in the same order. Receipts, statements and histories stand in the order of the entries that name
 * them, so that a reader needs no more memory for a million entries than for one.
 */
import canonicalize from 'canonicalize';

/** What its hash is made of where a line has one: the form of RFC 8785. */
export const canonicalBytes = (value: unknown): Buffer => Buffer.from(canonicalize(value) ?? '', 'utf8');

export const members = {
  index: 'evidence.json',
  readme: 'README.md',
  checkpoints: 'checkpoints.jsonl',
  epochs: 'epochs.jsonl',
  entries: 'entries.jsonl',
  places: 'places.jsonl',
  receipts: 'receipts.jsonl',
  statements: 'statements.jsonl',
  histories: 'histories.jsonl',
} as const;

export const policyMember = (hash: string): string => `policies/${hash}.yaml`;
export const bundleMember = (hash: string): string => `bundles/${hash}.js`;

/** Changes whenever a file lacks what a check wants: the first one lacked how its policies came to hold. */
export const formatName = 'curfew-evidence-2';

/** `evidence.json`: what the file is, and how many lines are where. Nothing in it proves anything. */
export type EvidenceIndex = {
  readonly format: typeof formatName;
  /** What was asked for, as the command had it. */
  readonly asked: Asked;
  /** Of the newest checkpoint, against which picked entries are proved. */
  readonly origin: string;
  readonly size: number;
  /** Places from `from` to before `to`, without a gap; equal where there is no such span. */
  readonly span: { readonly from: number; readonly to: number };
  /** Hashes of the complete subtrees before the span, base64: the log's right edge where it begins. */
  readonly edge: readonly string[];
  readonly counts: {
    readonly entries: number;
    readonly picked: number;
    readonly checkpoints: number;
    readonly policies: number;
    readonly receipts: number;
    /** Only where they were asked for. */
    readonly statements?: number;
    readonly histories: number;
    readonly bundles: number;
  };
};

export type Asked =
  | { readonly kind: 'request'; readonly request: string }
  | { readonly kind: 'span'; readonly fromAt: string; readonly toAt: string };

/** A checkpoint and the proof that it begins with the one before it; without proof for the first. */
export type CheckpointLine = { readonly note: string; readonly consistency: readonly string[] };
/** Where a picked entry stands, and the proof of it against the newest checkpoint. */
export type PlaceLine = { readonly index: number; readonly proof: readonly string[] };

/** The archive's comment: a CRC-32 over all that stands before its last record, so that damage anywhere shows. */
export const commentOf = (crc: number): string => `curfew-evidence crc32:${crc.toString(16).padStart(8, '0')}`;
export const commentBytes = commentOf(0).length;
/** Of the archive's last record (APPNOTE 4.3.16), without its comment. */
export const lastRecordBytes = 22;

/** A line holds at most this many bytes: a history is the longest, and Temporal ends a Workflow at 50 MB. */
export const longestLine = 128 * 1024 * 1024;
/** An entry's, which `audit.append` takes in one message. */
export const longestEntry = 4 * 1024 * 1024;

/** `leaves.bin`: the hashes of the span's leaves, one after another, by which the one line that was changed is named. */
export const leavesMember = 'leaves.bin';
export const leafBytes = 32;
