/** The log of a real stack as an auditor gets it: signed as far as it is, written into a file, and verified by a key alone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointText } from '../../audit/checkpoint.ts';
import { originOf } from '../../audit/epoch.ts';
import { readKeyring } from '../../audit/keyring.ts';
import { rootOf } from '../../audit/merkle.ts';
import { signNote } from '../../audit/signed-note.ts';
import type { Verdict } from '../../audit/verify/verify.ts';
import { storeUrl } from '../../dev/stack/environments.ts';
import { logName } from '../../dev/stack/settings.ts';
import { keepCheckpoint, readNodes, sizeOf } from '../../store/log.ts';
import { openStore } from '../../store/pool.ts';
import { eventually } from './eventually.ts';
import type { Theatre } from './stage.ts';

/** Signs how far the log is, as the worker does each minute, and with its key. @returns the checkpoint */
export async function signLog({ stack, inStore }: Pick<Theatre, 'stack' | 'inStore'>): Promise<string> {
  const store = openStore({ url: storeUrl(stack.settings, 'curfew_worker'), applicationName: 'curfew-test' });
  try {
    await eventually('every entry has its place', async () => {
      const [row] = await inStore<{ waiting: number }>(
        'select count(*)::int as waiting from audit.entry e where not exists (select from audit.leaf l where l.entry = e.id)',
      );
      return row?.waiting === 0;
    });
    const size = await sizeOf(store);
    const root = await rootOf(size, (nodes) => readNodes(store, nodes));
    const { signers } = await readKeyring({ kind: 'file', path: stack.settings.log.keyFile });
    const at = Date.now();
    const note = signNote(checkpointText({ origin: originOf(logName, 1), size, root, at }), signers);
    return (await keepCheckpoint(store, { size, epoch: 1, note, at })).note;
  } finally {
    await store.close();
  }
}

/** What does not hold of all that a stack has ever done, as `check, entry: why`. */
export async function wrongInLog(stage: Pick<Theatre, 'stack' | 'inStore' | 'curfew'>): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  try {
    const path = join(folder, 'all.zip');
    await signLog(stage);
    const written = await stage.curfew(['audit', 'evidence', '--from', '2020-01-01', '-o', path]);
    if (written.code !== 0) throw new Error(written.err);
    const key = (await stage.curfew(['audit', 'key', 'show'])).out.trim();
    const { out, err } = await stage.curfew(['verify', path, '--key', key, '--json']);
    if (out === '') throw new Error(err);
    const { checks, damaged } = JSON.parse(out) as Verdict;
    return [
      ...damaged,
      ...checks.flatMap(({ check, first }) =>
        first.map(({ index, what, why }) => `check ${check}, entry ${index}: ${what} ${why}`),
      ),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
