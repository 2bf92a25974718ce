/** The log of a real stack as an auditor gets it: signed as far as it is, written into a file, and verified by a key alone. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointText } from '../../audit/checkpoint.ts';
import { originOf } from '../../audit/epoch.ts';
import { readKeyring } from '../../audit/keyring.ts';
import { rootOf } from '../../audit/merkle.ts';
import { signNote, type Signer } from '../../audit/signed-note.ts';
import type { Replayer } from '../../audit/replay/replay.ts';
import { openEvidence } from '../../audit/evidence/read.ts';
import { writeEvidence } from '../../audit/evidence/write.ts';
import { verifyEvidence, type Verdict } from '../../audit/verify/verify.ts';
import { gather } from '../../cli/evidence/gather.ts';
import { storeUrl } from '../../dev/stack/environments.ts';
import { logName } from '../../dev/stack/settings.ts';
import { isRefusal } from '../../domain/errors.ts';
import { keepCheckpoint, readNodes, sequence, sizeOf } from '../../store/log.ts';
import { openStore, type Store } from '../../store/pool.ts';
import { keysOf } from './evidence.ts';
import { eventually } from './eventually.ts';
import type { Theatre } from './stage.ts';
import type { TestStore } from './store.ts';

type Proved = { readonly worker: Store; readonly admin: Pick<Store, 'query'>; readonly signers: readonly Signer[] };

/** @returns the checkpoint */
async function sign({ worker, admin, signers }: Proved, origin: string): Promise<string> {
  await eventually('every entry has its place', async () => {
    await sequence(worker, 10_000);
    const [row] = await admin.query<{ waiting: number }>(
      'select count(*)::int as waiting from audit.entry e where not exists (select from audit.leaf l where l.entry = e.id)',
    );
    return row?.waiting === 0;
  });
  const size = await sizeOf(worker);
  const root = await rootOf(size, (nodes) => readNodes(worker, nodes));
  const at = Date.now();
  return (
    await keepCheckpoint(worker, {
      size,
      epoch: 1,
      note: signNote(checkpointText({ origin, size, root, at }), signers),
      at,
    })
  ).note;
}

/** Signs how far the log of a stack is, as its worker does each minute, and with its key. @returns the checkpoint */
export async function signLog({ stack, inStore }: Pick<Theatre, 'stack' | 'inStore'>): Promise<string> {
  const worker = openStore({
    url: storeUrl(stack.settings, 'curfew_worker'),
    applicationName: 'curfew-test',
    statementTimeoutMs: 30_000,
  });
  try {
    const { signers } = await readKeyring({ kind: 'file', path: stack.settings.log.keyFile });
    return await sign({ worker, admin: { query: inStore as Store['query'] }, signers }, originOf(logName, 1));
  } finally {
    await worker.close();
  }
}

const listed = ({ checks, damaged }: Verdict): readonly string[] => [
  ...damaged,
  ...checks.flatMap(({ check, first }) =>
    first.map(({ index, what, why }) => `check ${check}, entry ${index}: ${what} ${why}`),
  ),
];

/** What does not hold of a store's whole log, which nobody else signs, as `check, entry: why`. No script of it is run: each history counts as replayed. */
export async function wrongInStore({ as, admin }: Pick<TestStore, 'as' | 'admin'>): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'curfew-evidence-'));
  const { signer, verifier } = keysOf();
  try {
    const path = join(folder, 'all.zip');
    await sign({ worker: as.curfew_worker, admin, signers: [signer] }, 'curfew/1');
    const wanted = { kind: 'span', fromAt: 0, toAt: Date.now() + 1_000 } as const;
    await writeFile(path, '', { flag: 'wx' });
    await writeEvidence(path, (await gather(admin, wanted, undefined, () => undefined)).parts);
    const evidence = await openEvidence(path);
    if (isRefusal(evidence)) throw new Error(evidence.message);
    const replayer: Replayer = { walled: true, replay: () => Promise.resolve('same'), close: () => Promise.resolve() };
    try {
      return listed(await verifyEvidence(evidence, { keys: [verifier], openReplay: () => Promise.resolve(replayer) }));
    } finally {
      evidence.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
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
    return listed(JSON.parse(out) as Verdict);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
