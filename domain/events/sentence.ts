import type { AuditEntry, Bodies } from '../events.ts';
import type { NameOf, Sentences } from './entry.ts';
import { extensionSentences } from './extension.ts';
import { grantSentences } from './grant.ts';
import { historySentences } from './history.ts';
import { operationSentences } from './operation.ts';
import { peopleSentences } from './people.ts';
import { policySentences } from './policy.ts';
import { requestSentences } from './request.ts';
import { retentionSentences } from './retention.ts';
import { reviewSentences } from './review.ts';
import { sessionSentences } from './session.ts';

const sentences: Sentences<Bodies> = {
  ...requestSentences,
  ...grantSentences,
  ...extensionSentences,
  ...reviewSentences,
  ...peopleSentences,
  ...policySentences,
  ...operationSentences,
  ...retentionSentences,
  ...historySentences,
  ...sessionSentences,
};

/** Actors that are nobody: the processes, by their logins. */
const processes: Readonly<Record<string, string>> = {
  curfew_api: "Curfew's API",
  curfew_directory: "Curfew's directory",
  curfew_worker: "Curfew's worker",
  curfew_reaper: "Curfew's reaper",
  curfew_collector: "Curfew's collector",
  curfew_admin: "Curfew's command line",
};

/** As it is read, by whomever it was written: of this version, of an older one, or forged. */
export type Told = {
  readonly kind: string;
  readonly actor: string;
  readonly subject: string;
  readonly body: unknown;
};

/**
 * What an entry says, in one sentence for a person. Total: an entry of a kind that is not known, or whose body is not
 * what its kind has, is named by its kind, its actor and its subject.
 * @param nameOf says who an id is; without it the ids stand there, for the log has no names
 */
export function sentenceOf(entry: Told, nameOf: NameOf = (id) => id): string {
  const who: NameOf = (id) => (Object.hasOwn(processes, id) ? processes[id] : undefined) ?? nameOf(id);
  const bare = `${who(entry.actor)} wrote "${entry.kind}" about ${entry.subject}.`;
  return printable(isKnown(entry) ? (said(entry, who) ?? bare) : bare);
}

const isKnown = (entry: Told): entry is AuditEntry => Object.hasOwn(sentences, entry.kind);

function said(entry: AuditEntry, who: NameOf): string | undefined {
  try {
    const says = sentences[entry.kind] as (entry: AuditEntry, nameOf: NameOf) => string;
    const text = says(entry, who);
    // What the body lacks is no word.
    return /\bundefined\b|\bNaN\b|\[object /.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/** Control characters, and those that turn the direction of what follows. */
// oxlint-disable-next-line no-control-regex
const unprintable = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** NB. A forged entry may hold anything, and sentences are printed to terminals. */
const printable = (text: string): string => text.replaceAll(unprintable, ' ');
