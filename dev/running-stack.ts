/** The stack that `npm start` keeps in `.curfew/`, as another terminal finds it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DevJson } from './stack/describe.ts';

/** What `.curfew/dev.json` says while the stack runs; undefined where none does, for the file stays after its end. */
export function runningStack(): DevJson | undefined {
  try {
    const file = join(import.meta.dirname, '..', '.curfew', 'dev.json');
    const dev = JSON.parse(readFileSync(file, 'utf8')) as DevJson;
    process.kill(Number(dev.pids['start']), 0);
    return dev;
  } catch {
    return undefined;
  }
}
