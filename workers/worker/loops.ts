/** What a worker does by itself, beside what its task queues ask of it: each loop goes on until the process's end. */
import { announcementChannels } from '../../store/announcements.ts';
import { currentPolicy } from '../../activities/current-policy.ts';
import { createRejudge } from '../../activities/rejudge.ts';
import { createTaints } from '../../activities/taints.ts';
import { runRelay } from '../../temporal/relay.ts';
import { createTelling, keepTelling } from './alarm-telling.ts';
import { watchAnnouncements } from './announcement-watch.ts';
import { keepAsking, watchConditions } from './condition-watch.ts';
import { keepExporting } from './exporting.ts';
import { keepLog } from './log-keeping.ts';
import type { Parts } from './parts.ts';
import { watchPulls } from './pull-watch.ts';
import { keepWatching, watchReapers } from './reaper-watch.ts';
import { keepFollowingTaints, keepRejudging, rejudgeMessages } from './rejudging.ts';
import { watchSessions } from './session-watch.ts';
import { spokenThrough } from './speaking.ts';
import { watchTokens } from './token-watch.ts';

type Loop = (parts: Parts) => Promise<unknown>;

/** Whatever it serves: it listens to those who look after its clusters, and compares what it reaches. */
const ofEveryWorker: readonly Loop[] = [hearReapers, hearCollectors, reconcile];

/** And what is the store's, which a worker beside a target leaves to others. */
const ofTheStore: readonly Loop[] = [
  relay,
  watchSources,
  watchSourceTokens,
  announce,
  tellAlarms,
  askConditions,
  judgeAgain,
  keepTree,
  keepHistories,
];

/** Starts them all. None of them throws before the process's end. */
export const startLoops = (parts: Parts): readonly Promise<unknown>[] =>
  [...(parts.config.serves === 'targets' ? [] : ofTheStore), ...ofEveryWorker].map((loop) => loop(parts));

function hearReapers({ store, config, clock, signal }: Parts): Promise<void> {
  return keepWatching(watchReapers({ store, clusters: config.clusters.map(({ name }) => name), clock }), signal);
}

function hearCollectors({ store, config, clock, signal }: Parts): Promise<void> {
  return keepWatching(watchSessions({ store, clusters: config.clusters.map(({ name }) => name), clock }), signal);
}

function reconcile({ reconciling, signal }: Parts): Promise<void> {
  return reconciling.keep(signal);
}

function relay({ store, temporal, people, clock, log, signal }: Parts): Promise<void> {
  return runRelay({ store, temporal, channels: people.channels, clock, log, signal });
}

function watchSources({ store, clock, signal }: Parts): Promise<void> {
  return keepWatching(watchPulls({ store, clock }), signal);
}

function watchSourceTokens({ store, clock, signal }: Parts): Promise<void> {
  return keepWatching(watchTokens({ store, clock }), signal);
}

function announce({ config, store, log, signal }: Parts): Promise<void> {
  const channels = spokenThrough(config);
  if (channels.length < announcementChannels.length)
    log.warn(
      { kinds: channels },
      'break-glass is announced through fewer than two kinds of channel: set up Slack and a webhook',
    );
  return keepWatching(watchAnnouncements({ store, channels }), signal);
}

function tellAlarms({ store, log, people, signal }: Parts): Promise<void> {
  return keepTelling(createTelling({ store, log, channels: people.alarms }), signal);
}

function askConditions({ store, conditions, source, clock, signal }: Parts): Promise<void> {
  return keepAsking(watchConditions({ store, conditions, trouble: () => source?.trouble?.(), clock }), signal);
}

function judgeAgain({ store, clock, log, signal }: Parts): Promise<unknown> {
  const judging = { store, policyOf: currentPolicy(), clock, messages: rejudgeMessages };
  return Promise.all([
    keepRejudging(createRejudge(judging), log, signal),
    keepFollowingTaints(createTaints(judging), log, signal),
  ]);
}

function keepTree({ config, logStore, clock, log, signal }: Parts): Promise<void> {
  return keepLog({ ...config.audit, store: logStore, clock, log, signal });
}

async function keepHistories({ store, histories, script, clock, log, signal }: Parts): Promise<void> {
  // What could not be bundled is told where it is served.
  const bundle = await script?.catch(() => undefined);
  if (bundle) await keepExporting({ store, histories, clock, log, script: bundle.code }, signal);
}
