import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from './support/eventually.ts';
import { scratchFolder } from './support/folder.ts';

type Launched = { readonly code: number | null; readonly out: string; readonly err: string };
type Project = {
  readonly root: string;
  readonly begin: (script: string, ...args: string[]) => ChildProcess;
  readonly launch: (script: string, ...args: string[]) => Promise<Launched>;
  /** What the fake npm was asked to do, a line for each time. */
  readonly installs: () => readonly string[];
  readonly npm: (body: string) => void;
};

/** The Node that a newcomer may have: another than ours where the machine has one, from 20 on. */
const anotherNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find(
    (path) =>
      existsSync(path) &&
      Number(/^v(\d+)/.exec(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout)?.[1]) >= 20 &&
      !path.includes('node_modules'),
  );

const goodInstall = `mkdir -p node_modules/node/bin && ln -sf '${process.execPath}' node_modules/node/bin/node && echo '{}' > node_modules/.package-lock.json`;

/** A copy of the launcher in a project of its own, with a fake npm on PATH. */
const makeProject = (launcher = anotherNode ?? process.execPath): Project => {
  const root = scratchFolder();
  const bin = join(root, 'bin');
  const log = join(root, 'npm.log');
  mkdirSync(join(root, 'dev'));
  mkdirSync(bin);
  for (const name of ['launch.mjs', 'lock.mjs', 'progress.mjs'])
    copyFileSync(join(import.meta.dirname, '../dev', name), join(root, 'dev', name));
  writeFileSync(join(root, 'package-lock.json'), '{"lockfileVersion": 3}');
  const npm = (body: string): void =>
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$*" >> '${log}'\n${body}\n`, { mode: 0o755 });
  npm(goodInstall);
  const begin: Project['begin'] = (script, ...args) => {
    const child = spawn(launcher, [join(root, 'dev/launch.mjs'), script, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { ...process.env, PATH: `${bin}${delimiter}/usr/bin${delimiter}/bin` },
    });
    onTestFinished(() => endGroup(child));
    return child;
  };
  return {
    root,
    npm,
    begin,
    launch: async (script, ...args) => {
      const child = begin(script, ...args);
      const [out, err] = [collect(child.stdout), collect(child.stderr)];
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, out: out(), err: err() };
    },
    installs: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  };
};

/** The launcher and the script that it may have left, when a test fails in between. */
const endGroup = (child: ChildProcess): void => {
  try {
    process.kill(-(child.pid as number), 'SIGKILL');
  } catch {
    // Both ended by themselves, as they should.
  }
};

const collect = (stream: NodeJS.ReadableStream | null): (() => string) => {
  let text = '';
  stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
};

const script = (project: Project, body: string): string => {
  writeFileSync(join(project.root, 'dev/script.ts'), body);
  return 'dev/script.ts';
};

test('the first start installs packages, then runs the script on Node 24 with its arguments and exit code', async () => {
  const project = makeProject();
  const body = `const one: number = 3; console.log(JSON.stringify([process.argv.slice(2), Number(process.versions.node.split('.')[0]) >= 24])); process.exit(one);`;
  const { code, out, err } = await project.launch(script(project, body), '--fresh', 'a b', '--', '$x');
  expect(JSON.parse(out)).toEqual([['--fresh', 'a b', '--', '$x'], true]);
  expect(code).toBe(3);
  expect(err).toMatch(/ok {2}installing packages \(once\) +\d+\.\d s/);
  expect(project.installs()).toEqual([
    'install --no-audit --no-fund --loglevel=error --include=dev --include=optional',
  ]);
});

test('it installs again when the lock file says something else, and not because of a time', async () => {
  const project = makeProject();
  const run = script(project, '');
  await project.launch(run);
  const later = Date.now() / 1_000 + 3_600;
  utimesSync(join(project.root, 'package-lock.json'), later, later);
  const { err } = await project.launch(run);
  expect([project.installs().length, err]).toEqual([1, '']);
  writeFileSync(join(project.root, 'package-lock.json'), '{"lockfileVersion": 3, "packages": {}}');
  utimesSync(join(project.root, 'package-lock.json'), 1, 1);
  await project.launch(run);
  expect(project.installs()).toHaveLength(2);
  rmSync(join(project.root, 'node_modules'), { recursive: true });
  await project.launch(run);
  expect(project.installs()).toHaveLength(3);
});

test('packages that somebody installed by hand are taken as they are', async () => {
  const project = makeProject();
  spawnSync('sh', ['-c', goodInstall], { cwd: project.root });
  expect((await project.launch(script(project, ''))).code).toBe(0);
  expect(project.installs()).toEqual([]);
});

test('an installation that was interrupted is done again', async () => {
  const project = makeProject();
  mkdirSync(join(project.root, 'node_modules/node/bin'), { recursive: true });
  mkdirSync(join(project.root, 'node_modules/.curfew-install.lock'));
  writeFileSync(join(project.root, 'node_modules/.curfew-install.lock/owner'), String(spawnSync('true').pid));
  expect((await project.launch(script(project, ''))).code).toBe(0);
  expect(project.installs()).toHaveLength(1);
});

test('two starts at once install once, and both run', async () => {
  const project = makeProject();
  project.npm(`while [ ! -e go ]; do sleep 0.05; done\n${goodInstall}`);
  const run = script(project, `console.log('ran')`);
  const first = project.launch(run);
  await eventually('npm is at work', () => project.installs().length === 1);
  const second = project.begin(run);
  const [said, out] = [collect(second.stderr), collect(second.stdout)];
  await eventually('the second waits', () => said().includes('waiting for it'));
  writeFileSync(join(project.root, 'go'), '');
  await once(second, 'close');
  expect([(await first).out, out()]).toEqual(['ran\n', 'ran\n']);
  expect(project.installs()).toHaveLength(1);
});

test('a failed installation shows what npm said and the mend, and the next start tries again', async () => {
  const project = makeProject();
  project.npm('echo "ENOTFOUND the registry" >&2; exit 7');
  const { code, err } = await project.launch(script(project, ''));
  expect(code).toBe(1);
  expect(err).toMatch(/npm install failed \(7\):\nENOTFOUND the registry[^]*Mend: /);
  project.npm(goodInstall);
  expect((await project.launch('dev/script.ts')).code).toBe(0);
});

test('no npm, no script and no Node 24 each name their mend', async () => {
  const project = makeProject();
  const run = script(project, '');
  const missing = await project.launch('dev/other.ts');
  expect([missing.code, missing.err]).toEqual([1, expect.stringMatching(/there is no dev\/other.ts[^]*Mend: /)]);
  rmSync(join(project.root, 'node_modules/node'), { recursive: true });
  const incomplete = await project.launch(run);
  const launcherIsNew =
    anotherNode === undefined ||
    Number(/^v(\d+)/.exec(spawnSync(anotherNode, ['--version'], { encoding: 'utf8' }).stdout)?.[1]) >= 24;
  expect(incomplete.code).toBe(launcherIsNew ? 0 : 1);
  if (!launcherIsNew) expect(incomplete.err).toMatch(/Curfew runs on Node 24[^]*Mend: run: npm rebuild node/);
});

test('without the package, a Node that is new enough runs the script itself', async () => {
  const project = makeProject(process.execPath);
  project.npm('mkdir -p node_modules && echo "{}" > node_modules/.package-lock.json');
  const { code, out } = await project.launch(script(project, 'console.log(process.execPath)'));
  expect([code, dirname(out.trim())]).toEqual([0, dirname(process.execPath)]);
});

test.each([
  ['SIGTERM', 7],
  ['SIGINT', 7],
] as const)('%s lets the script stop in its own order, and its exit code is the result', async (signal, code) => {
  const project = makeProject();
  const run = script(
    project,
    `import { setTimeout } from 'node:timers/promises';
     process.once('${signal}', async () => { await setTimeout(100); console.log('stopped in order'); process.exit(7); });
     console.log('up'); setInterval(() => {}, 1000);`,
  );
  const child = project.begin(run);
  const out = collect(child.stdout);
  await eventually('it is up', () => out().includes('up'));
  child.kill(signal);
  expect((await once(child, 'close'))[0]).toBe(code);
  expect(out()).toContain('stopped in order');
});

test('a script that is killed by a signal ends its launcher the same way', async () => {
  const project = makeProject();
  const child = project.begin(script(project, `process.kill(process.pid, 'SIGKILL')`));
  expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
});
