/**
 * The Workflow bundle, kept on disk between starts: bundling takes seconds of a processor, and gives the same bytes
 * until one of its inputs changes.
 *
 * NB. What lies in the folder is run. So it counts only when it is this user's own, may be read and written by nobody
 * else, and is what its name says; anything else is bundled anew.
 */
import { createHash, randomUUID } from 'node:crypto';
import { globSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflows, type WorkflowBundle } from './bundle.ts';

/** Every file of ours that can enter the bundle or change how it is made; the packages' versions are in the lock. */
export const bundleInputs = [
  'domain/**/*.ts',
  'workflows/**/*.ts',
  'policy/eligibility.ts',
  'temporal/codec.ts',
  'temporal/failure-converter.ts',
  'workers/bundle.ts',
  'package-lock.json',
] as const;

const namePattern = /^[0-9a-f]{64}-[0-9a-f]{64}\.js$/;
const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/**
 * The kept bundle where there is one of exactly these inputs, else a new one, which is kept. A folder that cannot be
 * used is no reason not to start: the bundle is then made each time.
 * @param folder made if it does not exist; holds one bundle
 */
export async function cachedBundle(
  folder: string,
  make: () => Promise<WorkflowBundle> = bundleWorkflows,
  root = fileURLToPath(new URL('..', import.meta.url)),
): Promise<WorkflowBundle> {
  const key = keyOf(root);
  const kept = attempt(() => read(folder, key));
  if (kept !== undefined) return { code: kept };
  const made = await make();
  attempt(() => {
    // Somebody may have saved a file meanwhile; then nobody knows which of the two went in.
    if (keyOf(root) === key) keep(folder, key, made.code);
  });
  return made;
}

/** Of names and contents of all inputs, and of the root itself: the source map names files by their whole path. */
function keyOf(root: string): string {
  const files = bundleInputs.flatMap((pattern) => globSync(pattern, { cwd: root })).toSorted();
  const lines = files.map((file) => `${sha256(readFileSync(join(root, file)))} ${file}`);
  return sha256([process.version, root, ...lines].join('\n'));
}

function read(folder: string, key: string): string | undefined {
  const name = readdirSync(folder).find((each) => namePattern.test(each) && each.startsWith(key));
  if (name === undefined) return undefined;
  const file = join(folder, name);
  const { mode, uid } = lstatSync(file);
  if ((mode & 0o777) !== 0o600 || uid !== process.getuid?.()) return undefined;
  const code = readFileSync(file, 'utf8');
  return name === nameOf(key, code) ? code : undefined;
}

function keep(folder: string, key: string, code: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const part = join(folder, `${randomUUID()}.part`);
  writeFileSync(part, code, { mode: 0o600, flag: 'wx' });
  // First the old ones: one that is refused for its rights or its owner may bear the very name.
  for (const name of readdirSync(folder)) if (namePattern.test(name)) rmSync(join(folder, name), { force: true });
  renameSync(part, join(folder, nameOf(key, code)));
}

const nameOf = (key: string, code: string): string => `${key}-${sha256(code)}.js`;

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
