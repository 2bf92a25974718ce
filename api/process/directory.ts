/** What a process with the directory's login does beside HTTP: days that have come, and sources that are to be asked. */
import { setTimeout as pause } from 'node:timers/promises';
import { openSource } from '../../directory/open.ts';
import type { SourceSpec } from '../../directory/spec.ts';
import { secondMs } from '../../domain/time.ts';
import type { Context } from '../../service/context.ts';
import { hrUseCases } from '../../service/deliver.ts';
import { settleDue } from '../../service/due.ts';
import type { PersonSource } from '../../service/person-source.ts';
import { pullSource } from '../../service/pull.ts';
import * as pulls from '../../store/source-pulls.ts';
import { oktaPath } from '../routes/hooks-okta.ts';
import { hookPath, type SourceHook } from '../routes/hooks-sources.ts';

export type DirectoryProcess = {
  readonly hooks: readonly SourceHook[];
  /** Resolves after the signal, once the look under way has ended. */
  readonly stopped: Promise<void>;
};

const settleEveryMs = secondMs;
const pullEveryMs = 15 * secondMs;

export function runDirectory(ctx: Context, specs: readonly SourceSpec[], signal: AbortSignal): DirectoryProcess {
  const asked = new Map(
    specs.flatMap((spec): readonly [string, PersonSource][] => {
      const source = openSource(spec);
      return source ? [[spec.name, source]] : [];
    }),
  );
  const looks = [
    repeating(ctx, settleEveryMs, signal, async () => void (await settleDue(ctx, asked))),
    repeating(ctx, pullEveryMs, signal, () => pullAll(ctx, specs, asked, signal)),
  ];
  return {
    hooks: specs.flatMap((spec) => hooksOf(ctx, spec, asked)),
    stopped: Promise.all(looks).then(() => undefined),
  };
}

/** One source may have both kinds of hooks: what they say is one source's word, and their deliveries are two lists. */
function hooksOf(ctx: Context, spec: SourceSpec, asked: ReadonlyMap<string, PersonSource>): readonly SourceHook[] {
  const { name, hook, okta } = spec;
  const ask = asked.get(name);
  const source = { name, ...(ask ? { ask } : {}) };
  const { hook: _hook, okta: _okta, ...rest } = spec;
  return [
    ...(hook
      ? [
          {
            spec: { ...rest, hook },
            useCases: hrUseCases(ctx, { ...source, deliveredBy: `hr/${name}`, path: hookPath(name) }),
          },
        ]
      : []),
    ...(okta
      ? [
          {
            spec: { ...rest, okta },
            useCases: hrUseCases(ctx, { ...source, deliveredBy: `okta/${name}`, path: oktaPath(name) }),
          },
        ]
      : []),
  ];
}

async function pullAll(
  ctx: Context,
  specs: readonly SourceSpec[],
  asked: ReadonlyMap<string, PersonSource>,
  signal: AbortSignal,
): Promise<void> {
  // NB. A process without the file knows of no source, and must not forget those that another one asks.
  if (!ctx.directory || specs.length === 0) return;
  const pulled = specs.filter(({ pull }) => pull !== undefined);
  await pulls.keepOnly(
    ctx.directory,
    pulled.map(({ name }) => name),
  );
  for (const { name, pull } of pulled) {
    const ask = asked.get(name);
    if (signal.aborted || !pull || !ask) continue;
    if (!(await pulls.takeTurn(ctx.directory, name, pull.everyMs, ctx.clock()))) continue;
    const { missingPercent } = pull;
    const result = await pullSource(ctx, { source: name, ask, missingPercent, actor: 'curfew_directory' });
    ctx.log.info({ source: name, result: result.kind }, 'a source of people was asked');
  }
}

async function repeating(ctx: Context, everyMs: number, signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  let silent = false;
  while (!signal.aborted) {
    try {
      await look();
      silent = false;
    } catch (err) {
      if (!silent) ctx.log.warn({ err }, 'the directory cannot be looked after; trying again');
      silent = true;
    }
    await pause(everyMs, undefined, { signal }).catch(() => undefined);
  }
}
