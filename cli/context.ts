/** The use cases as a command runs them: on the store alone. */
import { createLog } from '../config/log.ts';
import type { Context } from '../service/context.ts';
import { directoryContext as contextOf } from '../service/directory-context.ts';
import type { Store } from '../store/pool.ts';
import type { Terminal } from './terminal.ts';

/** A command holds the directory's login and no connection to Temporal. */
export const directoryContext = (terminal: Terminal, store: Store): Context =>
  contextOf(store, terminal.clock, createLog('cli', 'fatal', { write: (line) => terminal.err(line) }));
