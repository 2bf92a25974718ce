/** The design's folder rules, held against every file; and each rule against a file that breaks it. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { cycles, forbiddenImports, importsOf, isCompositionRoot, type Tree } from './support/architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const skipped = new Set(['node_modules', '.git', '.curfew']);

function paths(folder = ''): readonly string[] {
  return readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    return entry.isDirectory() ? paths(`${folder}${entry.name}/`) : entry.isFile() ? [`${folder}${entry.name}`] : [];
  });
}

const all = paths();
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const source: Tree = new Map(all.filter((path) => /\.(?:ts|mjs|js)$/.test(path)).map((path) => [path, read(path)]));
const parts = (path: string): readonly string[] => path.replace(/\.(?:ts|mjs|js)$/, '').split('/');
const isTest = (path: string): boolean => path.startsWith('test/');

describe('folders', () => {
  test('import only what the design lets them', () => {
    expect(forbiddenImports(source)).toEqual([]);
  });

  test('hold no files that import each other in a circle', () => {
    expect(cycles(source)).toEqual([]);
  });

  const known =
    '.ci activities api audit bench cli conditions config directory dev docs doctor domain policy service slack store targets temporal test workers workflows';
  test('are the ones that the design names', () => {
    const top = new Set(all.flatMap((path) => (path.includes('/') ? [path.split('/')[0] ?? ''] : [])));
    expect([...top].filter((folder) => !known.split(' ').includes(folder))).toEqual([]);
  });

  test('and files are named after concepts, not after layers', () => {
    const vague = /^(?:utils?|helpers?|services|models|common|lib|misc|shared)$/;
    expect([...source.keys()].filter((path) => parts(path).some((part) => vague.test(part)))).toEqual([]);
  });
});

describe('files', () => {
  test('stay under 300 lines, but for tests', () => {
    const long = [...source].flatMap(([path, text]) => {
      const lines = text.split('\n').length - 1;
      return lines > 300 && !isTest(path) ? [`${path}: ${lines}`] : [];
    });
    expect(long).toEqual([]);
  });

  test('read the environment in composition roots only', () => {
    const readers = [...source].flatMap(([path, text]) =>
      /\bprocess\s*\.\s*env\b|\bimport\.meta\.env\b|from 'node:process'/.test(text) ? [path] : [],
    );
    expect(readers.filter((path) => !isCompositionRoot(path))).toEqual([]);
  });

  test('of the domain and the policy read no clock and draw nothing at random', () => {
    const impure = /\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bMath\.random\b|\brandomUUID\b|\brandomBytes\b/;
    const pure = [...source].filter(([path]) => /^(?:domain|policy)\//.test(path));
    expect(pure.filter(([, text]) => impure.test(text)).map(([path]) => path)).toEqual([]);
    expect(pure.length).toBeGreaterThan(10);
  });

  test('name no package registry, no path of the machine that they were written on, and nothing beside the repository', () => {
    // Put together here, so that this file does not name them either.
    const hosts = [
      'registry.npmjs',
      'registry.yarnpkg',
      'npm.pkg.github',
      'pypi',
      'files.pythonhosted',
      'proxy.golang',
      'sum.golang',
      'deb.debian',
      'repo1.maven',
      'static.crates',
    ];
    const words = [
      ...hosts.map((host) => `${host}.`),
      ...['work', 'root'].map((folder) => `/${folder}/`),
      ['..', 'shared'].join('/'),
    ];
    const named = all
      .filter((path) => !/\.(?:png|jpg|ico|woff2?)$/.test(path))
      .flatMap((path) => {
        const text = read(path);
        return words.filter((word) => text.includes(word)).map((word) => `${path}: ${word}`);
      });
    expect(named).toEqual([]);
  });
});

describe('the rules themselves', () => {
  test('every form of import is seen, and types are told from what runs', () => {
    const text = `
      // import { no } from './comment.ts';
      /* import { no } from './block.ts'; */
import a from './a.ts';
import { b, type B } from './b.ts';
import type { C } from './c.ts';
import { type D, type E } from './d.ts';
import * as e from 'pg';
import './f.ts';
export { g } from './g.ts';
export type { H } from './h.ts';
export * from './i.ts';
import {
  j,
  k,
} from '../j.ts';
const l = await import('./l.ts');
export const text = 'import m from';
import n, { type N } from './n.ts';
`;
    expect(importsOf('slack/views/x.ts', text)).toEqual([
      { of: 'slack/views/a.ts', typeOnly: false },
      { of: 'slack/views/b.ts', typeOnly: false },
      { of: 'slack/views/c.ts', typeOnly: true },
      { of: 'slack/views/d.ts', typeOnly: true },
      { of: 'pg', typeOnly: false },
      { of: 'slack/views/f.ts', typeOnly: false },
      { of: 'slack/views/g.ts', typeOnly: false },
      { of: 'slack/views/h.ts', typeOnly: true },
      { of: 'slack/views/i.ts', typeOnly: false },
      { of: 'slack/j.ts', typeOnly: false },
      { of: 'slack/views/l.ts', typeOnly: false },
      { of: 'slack/views/n.ts', typeOnly: false },
    ]);
  });

  test.each([
    ['domain/x.ts', `import { createHash } from 'node:crypto';`],
    ['domain/x.ts', `import type { Rule } from '../policy/policy.ts';`],
    ['policy/x.ts', `import { factsOf } from '../store/people.ts';`],
    ['policy/eligibility.ts', `import { z } from 'zod';`],
    ['policy/eligibility.ts', `import { quote } from './issue.ts';`],
    ['workflows/x.ts', `import { parsePolicy } from '../policy/parse.ts';`],
    ['workflows/x.ts', `import { grant } from '../activities/grant.ts';`],
    ['workflows/x.ts', `import { z } from 'zod';`],
    ['activities/x.ts', `import { start } from '../workflows/contract.ts';`],
    ['activities/x.ts', `import { open } from '../service/open.ts';`],
    ['activities/x.ts', `import { register } from '../slack/listeners/actions.ts';`],
    ['store/x.ts', `import { planFor } from '../policy/plan.ts';`],
    ['targets/postgres/x.ts', `import { append } from '../../store/audit.ts';`],
    ['service/x.ts', `import { openTarget } from '../targets/postgres/accessor.ts';`],
    ['service/x.ts', `import { Client } from '@temporalio/client';`],
    ['service/x.ts', `import { Types } from 'scimmy';`],
    ['slack/x.ts', `import { openTarget } from '../targets/postgres/accessor.ts';`],
    ['api/routes/x.ts', `import { createTemporal } from '../../temporal/connection.ts';`],
    ['api/routes/x.ts', `import { Pool } from 'pg';`],
    ['cli/x.ts', `import { createSlackApp } from '../slack/app.ts';`],
    ['audit/x.ts', `import { append } from '../store/audit.ts';`],
    ['audit/x.ts', `import { open } from '../service/open.ts';`],
    ['audit/x.ts', `import { Pool } from 'pg';`],
    ['store/x.ts', `import { rootOf } from '../audit/merkle.ts';`],
    ['cli/x.ts', `import { ZipFile } from 'yazl';`],
    ['doctor/x.ts', `import { planFor } from '../policy/plan.ts';`],
    ['store/x.ts', `export * from '../test/support/store.ts';`],
    ['service/x.ts', `const x = await import('../dev/main.ts');`],
    ['service/x.ts', `import x from '../../elsewhere/x.ts';`],
  ])('%s may not say %s', (path, text) => {
    expect(forbiddenImports(new Map([[path, text]]))).toHaveLength(1);
  });

  test.each([
    ['workflows/x.ts', `import type { GrantActivities } from '../activities/index.ts';`],
    ['activities/x.ts', `import type { RequestView } from '../workflows/contract.ts';`],
    ['activities/x.ts', `import { paint } from '../slack/views/paint.ts';`],
    ['temporal/x.ts', `import { Connection } from '@temporalio/client';`],
    ['api/main.ts', `import { openTarget } from '../targets/postgres/accessor.ts';`],
    ['workers/reaper.ts', `import { openStore } from '../store/pool.ts';`],
    ['dev/main.ts', `import { start } from '../test/support/store.ts';`],
  ])('%s may say %s', (path, text) => {
    expect(forbiddenImports(new Map([[path, text]]))).toEqual([]);
  });

  test('a circle is found, also through a third file, and types close none', () => {
    const tree = new Map([
      ['a.ts', `import { b } from './b.ts';`],
      ['b.ts', `import { c } from './c.ts';`],
      ['c.ts', `import { a } from './a.ts';`],
      ['d.ts', `import type { E } from './e.ts';`],
      ['e.ts', `import { d } from './d.ts';`],
    ]);
    expect(cycles(tree)).toEqual(['a.ts -> b.ts -> c.ts -> a.ts']);
  });
});
