import { appendFileSync, chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import { expect, test } from 'vitest';
import { bundleInputs, cachedBundle } from '../workers/bundle-cache.ts';
import { ownSourcesOf } from './support/bundle-sources.ts';
import { scratchFolder } from './support/folder.ts';
import { productBundle } from './support/temporal.ts';

const inputs = ['domain/time.ts', 'workflows/index.ts', 'policy/eligibility.ts', 'package-lock.json'] as const;

/** A project of a few inputs with an empty cache; its bundler counts. */
function project() {
  const cache = join(scratchFolder(), 'cache');
  const root = join(dirname(cache), 'project');
  for (const file of inputs) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `// ${file}`);
  }
  let made = 0;
  return {
    cache,
    root,
    bundle: (meanwhile = () => {}) =>
      cachedBundle(
        cache,
        async () => {
          meanwhile();
          return { code: `made ${(made += 1)}` };
        },
        root,
      ),
    kept: () => join(cache, readdirSync(cache)[0] ?? ''),
    touch: (file: string) => appendFileSync(join(root, file), '\n'),
  };
}

test('the same inputs are bundled once, and kept for this user alone', async () => {
  const { bundle, kept, cache } = project();
  expect([await bundle(), await bundle()]).toEqual([{ code: 'made 1' }, { code: 'made 1' }]);
  expect(statSync(kept()).mode & 0o777).toBe(0o600);
  expect(statSync(cache).mode & 0o777).toBe(0o700);
});

test.for(inputs)('a change of %s is bundled anew, and the old bundle goes', async (file) => {
  const { bundle, touch, cache } = project();
  await bundle();
  touch(file);
  expect(await bundle()).toEqual({ code: 'made 2' });
  expect(readdirSync(cache)).toHaveLength(1);
});

test('a new file is a changed input', async () => {
  const { bundle, root } = project();
  await bundle();
  writeFileSync(join(root, 'workflows/another.ts'), '');
  expect(await bundle()).toEqual({ code: 'made 2' });
});

test.for([
  ['is not what its name says', (file: string) => appendFileSync(file, ' and more')],
  ['is empty', (file: string) => writeFileSync(file, '')],
  ['others may write', (file: string) => chmodSync(file, 0o622)],
  ['others may read', (file: string) => chmodSync(file, 0o644)],
] as const)('a kept bundle that %s is bundled anew', async ([, spoil]) => {
  const { bundle, kept } = project();
  await bundle();
  spoil(kept());
  expect(await bundle()).toEqual({ code: 'made 2' });
  expect(readFileSync(kept(), 'utf8')).toBe('made 2');
  expect(await bundle(), 'and is good again').toEqual({ code: 'made 2' });
});

test('what was made while an input changed is not kept', async () => {
  const { bundle, root, touch } = project();
  const before = readFileSync(join(root, 'domain/time.ts'));
  expect(await bundle(() => touch('domain/time.ts'))).toEqual({ code: 'made 1' });
  writeFileSync(join(root, 'domain/time.ts'), before);
  expect(await bundle()).toEqual({ code: 'made 2' });
});

test('a folder that cannot be used keeps nobody from starting', async () => {
  const { bundle, cache } = project();
  writeFileSync(cache, 'a file, not a folder');
  expect([await bundle(), await bundle()]).toEqual([{ code: 'made 1' }, { code: 'made 2' }]);
});

test('other files of the folder stay', async () => {
  const { bundle, cache } = project();
  mkdirSync(cache);
  writeFileSync(join(cache, 'notes.txt'), 'mine');
  await bundle();
  expect(readdirSync(cache)).toContain('notes.txt');
});

test('every file of ours in the real bundle is among the inputs', async () => {
  const sources = ownSourcesOf((await productBundle()).code);
  expect(sources.length).toBeGreaterThan(5);
  expect(sources.filter((file) => !bundleInputs.some((pattern) => matchesGlob(file, pattern)))).toEqual([]);
});
