/** The design's rules of who may import whom, as a table, and a reader of import statements that holds files to it. */
import { posix } from 'node:path';

export type Import = { readonly of: string; readonly typeOnly: boolean };
/** A repository's source: path from its root -> text. */
export type Tree = ReadonlyMap<string, string>;

/** What a folder may import besides itself. `types`: by `import type` only, which is gone at run time. */
type Rule = {
  readonly folders: readonly string[];
  readonly types?: readonly string[];
  readonly packages: readonly string[] | 'any';
};

const rules: Readonly<Record<string, Rule>> = {
  domain: { folders: [], packages: [] },
  policy: {
    folders: ['domain/'],
    packages: [
      '@bufbuild/cel',
      '@bufbuild/protobuf',
      'canonicalize',
      'node:crypto',
      'temporal-polyfill',
      'yaml',
      'zod',
    ],
  },
  'policy/eligibility.ts': { folders: ['domain/'], packages: [] },
  workflows: {
    folders: ['domain/', 'policy/eligibility.ts'],
    types: ['activities/'],
    packages: ['@temporalio/common', '@temporalio/workflow'],
  },
  activities: {
    folders: ['audit/', 'domain/', 'policy/', 'store/', 'targets/', 'slack/views/', 'slack/text.ts', 'doctor/'],
    types: ['workflows/', 'slack/port.ts', 'slack/pace.ts'],
    packages: 'any',
  },
  temporal: { folders: ['domain/', 'workflows/contract.ts', 'store/'], packages: 'any' },
  // The input of a Workflow is made where a request is opened and sent by temporal/: its shape, and nothing that runs.
  service: {
    folders: ['audit/', 'domain/', 'policy/', 'store/', 'temporal/'],
    types: ['workflows/contract.ts'],
    packages: 'any',
  },
  slack: { folders: ['domain/', 'policy/', 'service/', 'store/'], packages: 'any' },
  api: { folders: ['directory/', 'domain/', 'policy/', 'service/', 'store/'], packages: 'any' },
  // `curfew connect` makes the password exactly as the page does: with the page's own maker.
  cli: {
    folders: [
      'config/',
      'directory/',
      'domain/',
      'policy/',
      'service/',
      'store/',
      'targets/',
      'doctor/',
      'audit/',
      'api/page/scram.js',
    ],
    packages: 'any',
  },
  // The log as proof: what is outside the product reads it too, so it knows of no store and no service.
  audit: { folders: ['domain/', 'policy/'], packages: 'any' },
  store: { folders: ['domain/'], packages: 'any' },
  // Who knows of people: each adapter ends in what service/ takes, and the file's is the import's own reader.
  directory: { folders: ['domain/', 'policy/', 'service/people-file.ts', 'service/person-source.ts'], packages: 'any' },
  conditions: { folders: ['domain/', 'store/'], packages: 'any' },
  targets: { folders: ['domain/'], packages: 'any' },
  doctor: { folders: ['audit/', 'domain/', 'store/', 'targets/'], packages: 'any' },
  config: { folders: ['domain/'], packages: 'any' },
};

/** Packages that reach the outside world, and the folders whose business that is. */
const reserved: Readonly<Record<string, readonly string[]>> = {
  '@temporalio/client': ['temporal'],
  '@temporalio/worker': ['audit'],
  '@temporalio/activity': ['activities'],
  '@temporalio/workflow': ['workflows'],
  '@slack/bolt': ['slack'],
  '@slack/web-api': ['slack'],
  express: ['api', 'slack'],
  scimmy: ['api'],
  'scimmy-routers': ['api'],
  yazl: ['audit'],
  yauzl: ['audit'],
  pg: ['store', 'targets', 'doctor', 'cli'],
};

/** They put the parts together: they may import anything, read the environment, and make clients. */
export const isCompositionRoot = (path: string): boolean =>
  /^(?:[a-z]+\/main\.ts|workers\/|dev\/|bench\/|test\/)/.test(path);

const statement =
  /^(?:import|export)\s+(type\s+)?(?:[\w*$\s,{}]+?\s+from\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/gm;

/** The imports of one file: static ones, re-exports, bare ones, and dynamic ones of a literal. */
export function importsOf(path: string, text: string): readonly Import[] {
  const code = text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...code.matchAll(statement)].map(([whole, type, from, dynamic]) => {
    const specifier = from ?? dynamic ?? '';
    const braces = /\{([^}]*)\}\s+from/.exec(whole)?.[1];
    const named = braces?.split(',').filter((name) => name.trim() !== '');
    const allTypes =
      named !== undefined && !/^\w+\s+\w+\s*,/.test(whole) && named.every((name) => /^\s*type\s/.test(name));
    const of = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier;
    return { of, typeOnly: type !== undefined || allTypes };
  });
}

const isFile = (of: string): boolean =>
  /\.(?:ts|mjs|js|json)$/.test(of) && !of.startsWith('node:') && !of.startsWith('@');
const packageOf = (of: string): string =>
  of.startsWith('@') ? of.split('/').slice(0, 2).join('/') : of.startsWith('node:') ? of : (of.split('/')[0] ?? of);

/** Every import that the design does not allow, one sentence each. */
export function forbiddenImports(tree: Tree): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    const folder = path.split('/')[0] ?? '';
    return importsOf(path, text).flatMap((one) => {
      const { of, typeOnly } = one;
      const why = isFile(of) ? forbiddenFile(path, folder, one) : forbiddenPackage(path, folder, packageOf(of));
      return why === undefined ? [] : [`${path} imports ${typeOnly ? 'types of ' : ''}${of}: ${why}`];
    });
  });
}

function forbiddenFile(path: string, folder: string, { of, typeOnly }: Import): string | undefined {
  const to = of.split('/')[0] ?? '';
  if (of.startsWith('..')) return 'outside the repository';
  if (['test', 'bench', 'dev'].includes(to) && !['test', 'bench', 'dev'].includes(folder))
    return `${to}/ is no part of the product`;
  const rule = rules[path] ?? rules[folder];
  if (isCompositionRoot(path) || !rule || (to === folder && !rules[path])) return undefined;
  const allowed = [...rule.folders, ...(typeOnly ? (rule.types ?? []) : [])];
  return allowed.some((prefix) => of === prefix || (prefix.endsWith('/') && of.startsWith(prefix)))
    ? undefined
    : `${folder}/ may import ${allowed.join(', ') || 'nothing'}`;
}

function forbiddenPackage(path: string, folder: string, name: string): string | undefined {
  if (isCompositionRoot(path)) return undefined;
  const rule = rules[path] ?? rules[folder];
  if (rule && rule.packages !== 'any' && !rule.packages.includes(name)) {
    return `${folder}/ may use ${rule.packages.join(', ') || 'no package'}`;
  }
  const owners = reserved[name];
  return owners && !owners.includes(folder) ? `only ${owners.join(', ') || 'composition roots'} may` : undefined;
}

/** Files that import each other in a circle at run time; each circle once, as `a -> b -> a`. */
export function cycles(tree: Tree): readonly string[] {
  const edges = new Map([...tree].map(([path, text]) => [path, runtimeEdges(path, text, tree)]));
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const to of edges.get(path) ?? []) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return found;
}

const runtimeEdges = (path: string, text: string, tree: Tree): readonly string[] =>
  importsOf(path, text).flatMap(({ of, typeOnly }) => (!typeOnly && tree.has(of) ? [of] : []));
