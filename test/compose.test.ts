/** docker-compose.yml, Dockerfile and README are held against the code: nobody runs them in these tests. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { expect, test } from 'vitest';
import { apiShape } from '../config/api.ts';
import { collectorShape } from '../config/collector.ts';
import { migrateShape } from '../config/cli.ts';
import type { Shape } from '../config/field.ts';
import { span } from '../config/forms.ts';
import { hooksShape } from '../config/hooks.ts';
import { reaperShape } from '../config/reaper.ts';
import { variables, variablesTable } from '../config/variables.ts';
import { workerShape } from '../config/worker.ts';
import { requesterKey, targetKey } from '../workflows/contract.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

type Service = {
  readonly image?: string;
  readonly build?: string;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly required?: boolean }>>;
};
type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly configs: Readonly<Record<string, unknown>>;
};
const compose = parse(read('docker-compose.yml')) as Compose;
const dockerfile = read('Dockerfile');
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);

const processOf: Readonly<Record<string, { readonly name: string; readonly shape: Shape }>> = {
  'api/main.ts': { name: 'api', shape: apiShape },
  'api/main.ts --only hooks': { name: 'hooks', shape: hooksShape },
  'workers/main.ts': { name: 'worker', shape: workerShape },
  'workers/reaper.ts': { name: 'reaper', shape: reaperShape },
  'workers/collector.ts': { name: 'collector', shape: collectorShape },
  'cli/main.ts migrate': { name: 'migrate', shape: migrateShape },
};
const processOfService = (service: Service) => {
  const found = processOf[service.command?.join(' ') ?? ''];
  if (!found) throw new Error(`no process is started by ${service.command?.join(' ')}`);
  return found;
};

test('every process has a service, and its command is a file of the project', () => {
  expect(ours.map(([, service]) => processOfService(service).name).toSorted()).toEqual([
    'api',
    'collector',
    'hooks',
    'migrate',
    'reaper',
    'worker',
  ]);
  for (const [, service] of ours) expect(existsSync(join(root, service.command?.[0] ?? ''))).toBe(true);
  const [, byDefault] = /^CMD \["(.+)"\]$/m.exec(dockerfile) ?? [];
  expect(existsSync(join(root, byDefault ?? ''))).toBe(true);
});

test.each(ours)('%s sets what it requires, and nothing that it does not read', (_name, service) => {
  const { name } = processOfService(service);
  const set = Object.keys(service.environment ?? {});
  const own = variables.filter((variable) => variable.process === name);
  const known = own.map((variable) => variable.name);
  expect(set.filter((variable) => !known.includes(variable))).toEqual([]);
  const required = own.filter((variable) => variable.required).map((variable) => variable.name);
  expect(required.filter((variable) => !set.includes(variable))).toEqual([]);
});

test.each(ours)('the plain values of %s are such as it takes', (_name, service) => {
  const { shape } = processOfService(service);
  for (const [variable, value] of Object.entries(service.environment ?? {})) {
    const plain = value.replace(/^\$\{\w+:-(.*)\}$/, '$1');
    if (plain === '' || plain.startsWith('@/')) continue;
    expect({ variable, ok: shape[variable]?.form.safeParse(plain).success }).toEqual({ variable, ok: true });
  }
});

test('every secret that a service reads is given to it, and to no service that does not read it', () => {
  for (const [, service] of services) {
    const named = Object.values(service.environment ?? {}).flatMap(
      (value) => /^@?\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [],
    );
    expect(named.toSorted()).toEqual([...(service.secrets ?? [])].toSorted());
    for (const secret of named) expect(compose.secrets[secret]?.file).toMatch(/^\.\/secrets\//);
  }
  const used = new Set(services.flatMap(([, service]) => service.secrets ?? []));
  expect(Object.keys(compose.secrets).filter((secret) => !used.has(secret))).toEqual([]);
});

test('no password stands in the file itself', () => {
  const values = services.flatMap(([, service]) => Object.entries(service.environment ?? {}));
  const secret = values.filter(
    ([name]) => /PASSWORD|PWD|SECRET|TOKEN|KEY|_URL$/.test(name) && !name.endsWith('PUBLIC_URL'),
  );
  expect(secret.length).toBeGreaterThan(10);
  for (const [name, value] of secret)
    expect({ name, value }).toEqual({ name, value: expect.stringMatching(/^(@?\/run\/secrets\/|\$\{\w+:-\})/) });
});

test('ports and health checks are those that the processes listen on, and only this machine reaches API and hooks', () => {
  const exposed = (/^EXPOSE (.+)$/m.exec(dockerfile)?.[1] ?? '').split(' ');
  const listens = ours.flatMap(([, service]) => {
    const environment = service.environment ?? {};
    const port = environment['CURFEW_PORT'] ?? environment['CURFEW_HEALTH_PORT'];
    if (port === undefined) return [];
    expect(service.healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${port}/healthz`);
    return [port];
  });
  expect(listens.toSorted()).toEqual(exposed.toSorted());
  expect(compose.services['api']?.ports).toEqual([
    `127.0.0.1:8080:${compose.services['api']?.environment?.['CURFEW_PORT']}`,
  ]);
  expect(compose.services['hooks']?.ports).toEqual([
    `127.0.0.1:8083:${compose.services['hooks']?.environment?.['CURFEW_PORT']}`,
  ]);
  for (const [name, service] of services) if (name !== 'api' && name !== 'hooks') expect(service.ports).toBeUndefined();
});

test('a process is given more time to stop than it takes', () => {
  for (const [name, { environment, stop_grace_period: graceText }] of ours) {
    if (name === 'migrate') continue;
    const [grace, drain] = [graceText, environment?.['CURFEW_DRAIN']].map((text) => span.parse(text ?? ''));
    expect(grace).toBeGreaterThan(drain ?? Infinity);
  }
});

const versionOf = (image: string): readonly number[] => (image.split(':')[1] ?? '').split(/[.-]/).map(Number);
const atLeast = (image: string, floor: readonly number[]): boolean => {
  const version = versionOf(image);
  const at = floor.findIndex((part, index) => version[index] !== part);
  return at < 0 || (version[at] ?? 0) > (floor[at] ?? 0);
};

test('images are pinned to a version that is neither deprecated nor refused by our own checks', () => {
  const images = [
    ...services.flatMap(([, service]) => service.image ?? []),
    ...dockerfile.matchAll(/^FROM (\S+)/gm),
  ].map((one) => (typeof one === 'string' ? one : (one[1] ?? '')));
  const floors: Readonly<Record<string, readonly number[]>> = {
    postgres: [18, 4],
    'temporalio/server': [1, 30, 4],
    'temporalio/admin-tools': [1, 30, 4],
    'temporalio/temporal': [1, 8, 2],
    node: [24],
  };
  for (const image of images) {
    const [name = '', tag = ''] = image.split(':');
    expect({ image, pinned: /^\d+(\.\d+)+(-[a-z]+-slim)?$/.test(tag) }).toEqual({ image, pinned: true });
    expect({ image, known: name in floors && atLeast(image, floors[name] ?? []) }).toEqual({ image, known: true });
  }
  const tagOf = (name: string): readonly string[] => [
    ...new Set(images.filter((image) => image.startsWith(`${name}:`))),
  ];
  expect(tagOf('temporalio/server').map((image) => image.split(':')[1])).toEqual(
    tagOf('temporalio/admin-tools').map((image) => image.split(':')[1]),
  );
  const { devDependencies } = JSON.parse(read('package.json')) as { devDependencies: { node: string } };
  expect(tagOf('node')).toEqual([`node:${devDependencies.node}-trixie-slim`]);
});

const commandOf = (name: string): string => (compose.services[name]?.command ?? []).join(' ');

test('Temporal has the namespace and the search attributes that the code uses, in either profile', () => {
  for (const key of [targetKey, requesterKey]) {
    expect(commandOf('temporal-dev')).toContain(`--search-attribute=${key.name}=Keyword`);
    expect(commandOf('temporal-namespace')).toContain(`--name ${key.name} --type Keyword`);
  }
  for (const name of ['api', 'worker']) {
    const environment = compose.services[name]?.environment;
    expect(environment?.['CURFEW_TEMPORAL_ADDRESS']).toBe('temporal:7233');
    expect(commandOf('temporal-dev')).toContain(`--namespace=${environment?.['CURFEW_TEMPORAL_NAMESPACE']}`);
    expect(commandOf('temporal-namespace')).toContain(`--namespace ${environment?.['CURFEW_TEMPORAL_NAMESPACE']} `);
  }
});

test('what a service needs is there, and the reaper needs nobody', () => {
  for (const [name, service] of services) {
    for (const [needed, { required = true }] of Object.entries(service.depends_on ?? {})) {
      const other = compose.services[needed];
      expect({ name, needed, there: other !== undefined }).toEqual({ name, needed, there: true });
      const always =
        other?.profiles === undefined || other.profiles.every((profile) => service.profiles?.includes(profile));
      expect({ name, needed, fits: always || !required }).toEqual({ name, needed, fits: true });
    }
    for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const { source } of service.configs ?? []) expect(Object.keys(compose.configs)).toContain(source);
  }
  expect(compose.services['reaper']?.depends_on).toBeUndefined();
  // PostgreSQL 18's image keeps its data one folder higher than those before.
  for (const [, { image, volumes }] of services)
    if (image?.startsWith('postgres:')) expect(volumes?.[0]).toMatch(/:\/var\/lib\/postgresql$/);
});

/** The files of the project that a file imports when it runs, itself among them. */
function reached(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const imports = read(file).matchAll(
    /^(?:import\s(?!type\b)|export\s*[{*])[^;']*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gms,
  );
  for (const [, plain, dynamic] of imports)
    reached(relative(root, join(root, dirname(file), plain ?? dynamic ?? '')), seen);
  return seen;
}

test('the image holds every folder that a process reaches, and its context lets them in', () => {
  const copied = [...dockerfile.matchAll(/^COPY ([a-z]+) \1$/gm)].map((found) => found[1] ?? '');
  for (const folder of copied) expect(existsSync(join(root, folder))).toBe(true);
  const files = new Set(Object.keys(processOf).flatMap((command) => [...reached(command.split(' ')[0] ?? '')]));
  const folders = [...new Set([...files].map((file) => file.split('/')[0] ?? ''))];
  expect(folders.filter((folder) => !copied.includes(folder))).toEqual([]);
  expect(folders.length).toBeGreaterThan(8);
  const letIn = read('.dockerignore').split('\n');
  expect(letIn[0]).toBe('*');
  for (const path of [...copied, 'package.json', 'package-lock.json', 'tsconfig.json'])
    expect(letIn).toContain(`!${path}`);
});

test('the packages that a process reaches are no development packages', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const files = Object.keys(processOf).flatMap((command) => [...reached(command.split(' ')[0] ?? '')]);
  const packages = files
    .filter((file) => !file.startsWith('api/page/'))
    .flatMap((file) =>
      [...read(file).matchAll(/^(?:import\s(?!type\b)|export\s*[{*])[^;']*?from\s+'([^.'][^']*)'/gms)].map(
        (found) => found[1] ?? '',
      ),
    )
    .filter((name) => !name.startsWith('node:'))
    .map((name) => (name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? '')));
  expect([...new Set(packages)].filter((name) => !(name in dependencies))).toEqual([]);
});

const cells = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => (line.startsWith('| `CURFEW_') ? [line.replaceAll(/\s*\|\s*/g, '|').trim()] : []));

test("the README's configuration table is the schemas' own", () => {
  expect(cells(read('README.md')), 'print it with variablesTable() of config/variables.ts').toEqual(
    cells(variablesTable()),
  );
});
