import { directoryPatienceMs, openStore } from '../../store/pool.ts';
import { requireMigrated } from '../../store/migrations.ts';
import type { SourceSpec } from '../../directory/spec.ts';
import type { Log } from '../../service/context.ts';
import { hrUseCases } from '../../service/deliver.ts';
import { directoryContext } from '../../service/directory-context.ts';
import { scimUseCases } from '../../service/scim.ts';
import { createServer } from '../server.ts';
import { runDirectory } from './directory.ts';
import { listen, type Listening } from './listen.ts';

/** What `node api/main.ts --only hooks` is told; `config/hooks.ts` reads it. */
export type HooksOptions = {
  readonly directoryUrl: string;
  readonly hrSecrets: readonly string[];
  /** Taken off userNames of SCIM. */
  readonly scimUserDomain?: string;
  readonly host: string;
  readonly port: number;
  readonly trustedProxies: number;
  readonly drainMs: number;
};

/**
 * Hooks as a process of their own: whoever reaches them from outside reaches the directory's login, and neither ticket
 * keys nor Slack nor Temporal. What follows goes through the store: intents to the reaper, messages to the relay.
 * @throws where the port is taken; the store may come later
 */
export async function startHooks(
  options: HooksOptions,
  specs: readonly SourceSpec[],
  log: Log,
  clock: () => number = Date.now,
): Promise<Listening> {
  const store = openStore({
    url: options.directoryUrl,
    applicationName: 'curfew-hooks',
    statementTimeoutMs: directoryPatienceMs,
  });
  const ctx = directoryContext(store, clock, log);
  const stopping = new AbortController();
  const directory = runDirectory(ctx, specs, stopping.signal);
  const server = createServer({
    ...(options.hrSecrets.length === 0 ? {} : { hr: { secrets: options.hrSecrets, useCases: hrUseCases(ctx) } }),
    sources: directory.hooks,
    scim: { useCases: scimUseCases(ctx, options), publicUrl: '' },
    needs: { store: () => requireMigrated(store) },
    trustedProxies: options.trustedProxies,
    clock,
    log,
  });
  const listening = await listen(server, options);
  return {
    port: listening.port,
    async stop() {
      stopping.abort();
      await listening.stop();
      await Promise.allSettled([directory.stopped]);
      await store.close();
    },
  };
}
