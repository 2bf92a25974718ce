/**
 * Asks a source of people what it knows, because what it delivers by itself is best effort (F42): of everybody whom it
 * lists otherwise than the directory has them, and of whoever it lists no more.
 */
import { sourcePulled } from '../domain/events/people.ts';
import type { PersonId } from '../domain/ids.ts';
import * as alarms from '../store/alarms.ts';
import { append } from '../store/audit.ts';
import type { PersonChange } from '../store/people.ts';
import type { Store } from '../store/pool.ts';
import * as pulls from '../store/source-pulls.ts';
import type { KnownPerson } from '../store/source-pulls.ts';
import { changeIn, sendSome } from './change-person.ts';
import type { Context } from './context.ts';
import type { Queued } from './outbox.ts';
import type { ListedPerson, PersonSource } from './person-source.ts';

export type PullInput = {
  readonly source: string;
  readonly ask: PersonSource;
  /** Of those whom it listed before, as many may be missing from an answer; of more, nothing is believed. */
  readonly missingPercent: number;
  readonly dryRun?: boolean;
  readonly actor: string;
};

/** What it comes to; handles, for operators. */
export type Pulled = {
  readonly kind: 'pulled';
  readonly listed: number;
  readonly unknown: number;
  readonly changed: readonly { readonly handle: string; readonly change: readonly string[] }[];
  readonly missing: readonly string[];
  /** Those whose change was not recorded: the next pull finds them again. */
  readonly failed: readonly string[];
};
export type NotPulled =
  | { readonly kind: 'silent'; readonly why: string }
  | { readonly kind: 'too-many-missing'; readonly missing: number; readonly listed: number };

/**
 * Whoever is missing is suspended, not taken for having left: that is the source's to say, and it takes back at the next
 * answer what it said by a mistake. Where more are missing than may be, the answer was cut off or is of somebody else:
 * nothing of it is believed, and that is an alarm.
 * @throws Error in a process without the directory's login; CurfewError where the store does not answer
 */
export async function pullSource(ctx: Context, input: PullInput): Promise<Pulled | NotPulled> {
  const store = ctx.directory;
  if (!store) throw new Error('this process asks nobody: it has no directory login');
  const { source, dryRun = false } = input;
  const askedAt = ctx.clock();
  const listing = await input.ask.list();
  if (listing.kind === 'silent') return dryRun ? listing : didNot(ctx, source, listing, 'silent');

  const known = await pulls.knownOf(store, source);
  const missing = known.filter(({ handle, listed }) => listed && !listing.people.has(handle));
  const newlyMissing = missing.filter((person) => !person.missing);
  const listedBefore = known.filter((person) => person.listed && !person.missing).length;
  const most = Math.max(1, Math.floor((listedBefore * input.missingPercent) / 100));
  if (newlyMissing.length > most || (listing.people.size === 0 && listedBefore > 0)) {
    const refused = { kind: 'too-many-missing', missing: newlyMissing.length, listed: listedBefore } as const;
    return dryRun ? refused : didNot(ctx, source, refused, 'too-many-missing');
  }

  const ids = new Map(known.map(({ handle, id }) => [handle, id]));
  const changes = known.flatMap((person): readonly Difference[] => {
    const now = listing.people.get(person.handle);
    const difference = now ? differenceOf(person, now, ids) : newlyMissing.includes(person) ? gone(person) : undefined;
    return difference ? [difference] : [];
  });
  const summary = {
    kind: 'pulled',
    listed: listing.people.size,
    unknown: [...listing.people.keys()].filter((handle) => !ids.has(handle)).length,
    changed: changes.map(({ person, change }) => ({ handle: person.handle, change: Object.keys(change).toSorted() })),
    missing: newlyMissing.map(({ handle }) => handle),
  } as const;
  if (dryRun) return { ...summary, failed: [] };

  const failed = await applyAll(ctx, store, input, changes, askedAt);
  await store.transaction(async (tx) => {
    const listed = known.filter(({ handle }) => listing.people.has(handle)).map(({ id }) => id);
    const kept = newlyMissing.filter(({ handle }) => !failed.includes(handle));
    await pulls.keepListing(tx, source, { listed, missing: kept.map(({ id }) => id), at: askedAt });
    for (const { id } of kept) await alarmOfMissing(tx, source, id);
    if (failed.length === 0) await pulls.succeeded(tx, source, askedAt);
    else await pulls.failed(tx, source, 'not-recorded');
    const body = { listed: summary.listed, changed: changes.length, missing: kept.length, failed: failed.length };
    await append(tx, sourcePulled(input.actor, `source/${source}`, body));
  });
  return { ...summary, failed };
}

type Difference = { readonly person: KnownPerson; readonly change: Partial<PersonChange> };

const gone = (person: KnownPerson): Difference => ({ person, change: { state: 'suspended' } });

/** @returns undefined where the directory has them as the source lists them */
function differenceOf(
  person: KnownPerson,
  now: ListedPerson,
  ids: ReadonlyMap<string, PersonId>,
): Difference | undefined {
  // Somebody who is listed again is as the source says, and active where it does not say.
  const state = now.state ?? (person.missing ? 'active' : undefined);
  const manager = now.manager === undefined ? undefined : now.manager === null ? null : ids.get(now.manager);
  const groups = now.groups?.toSorted();
  const change: Partial<PersonChange> = {
    ...(state !== undefined && state !== (person.word ?? 'active') ? { state } : {}),
    ...(manager !== undefined && manager !== person.manager ? { manager } : {}),
    ...(groups && groups.join(' ') !== person.groups.toSorted().join(' ')
      ? { groups: groups.map((name) => ({ name })) }
      : {}),
  };
  return Object.keys(change).length === 0 ? undefined : { person, change };
}

/**
 * Everybody first, then what follows is sent: a Temporal that hangs keeps nobody. What this does not send the relay does.
 * @returns the handles of those whose change was not recorded
 */
async function applyAll(
  ctx: Context,
  store: Store,
  { source, actor }: PullInput,
  changes: readonly Difference[],
  askedAt: number,
): Promise<readonly string[]> {
  const failed: string[] = [];
  const toSend: Queued[] = [];
  for (const { person, change } of changes) {
    const event = `pull-${source}-${askedAt}`;
    const whole = { ...change, handle: person.handle, version: askedAt };
    try {
      const input = { source, event, actor, change: whole };
      const { queued } = await store.transaction((tx) => changeIn(tx, input, ctx.clock()));
      toSend.push(...queued);
    } catch (err) {
      ctx.log.warn({ source, personId: person.id, err }, 'a pulled change was not recorded');
      failed.push(person.handle);
    }
  }
  await sendSome(ctx, store, toSend);
  return failed;
}

async function alarmOfMissing(tx: Parameters<typeof alarms.raise>[0], source: string, person: PersonId): Promise<void> {
  const detail = `The source ${source} lists somebody no more whom it listed before: they are suspended until it lists them again. Have they left?`;
  await alarms.raise(tx, {
    key: pulls.missingKey(source, person),
    code: 'source-missing',
    subject: person,
    detail,
  });
}

/** Whoever watches the pulls alarms when it goes on; that too many are missing is an alarm at once. */
async function didNot(ctx: Context, source: string, why: NotPulled, trouble: string): Promise<NotPulled> {
  const store = ctx.directory;
  if (!store) return why;
  await pulls.failed(store, source, trouble);
  if (why.kind === 'silent') ctx.log.warn({ source, why: why.why }, 'a source of people did not answer');
  else {
    const detail = `The source ${source} lists ${why.missing} of ${why.listed} people no more: nothing of its answer was believed. Look at the source; if it is right, curfew people pull --source ${source} --missing 100.`;
    await alarms.raise(store, {
      key: `pull-refused/${source}`,
      code: 'pull-refused',
      subject: `source/${source}`,
      detail,
    });
  }
  return why;
}
