// The first thing that every npm script runs: `node dev/launch.mjs <script> [arguments]`. Any Node from 20 on can run
// it and it needs no package. It installs the packages where they are missing or older than the lock file, and then
// runs the script with the Node 24 that is one of them.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LockHeld, takeLock } from './lock.mjs';
import { startProgress } from './progress.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const lockFile = join(root, 'package-lock.json');
// What the packages were installed from; times alone lie after a clone, a restore or a copy.
const remembered = join(modules, '.curfew-installed');
const installWithinMs = 20 * 60_000;

const fail = (what, mend) => {
  process.stderr.write(`${what}\n  Mend: ${mend}\n`);
  process.exit(1);
};

const major = () => Number(process.versions.node.split('.')[0]);

const lockHash = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex');

const isInstalled = () => {
  // Written by npm as the last thing of an installation.
  const done = statSync(join(modules, '.package-lock.json'), { throwIfNoEntry: false });
  if (done === undefined) return false;
  if (existsSync(remembered) && readFileSync(remembered, 'utf8') === lockHash()) return true;
  return !existsSync(remembered) && done.mtimeMs >= statSync(lockFile).mtimeMs;
};

const install = async () => {
  if (!existsSync(lockFile)) fail(`${lockFile} is missing`, 'restore it from the repository');
  if (isInstalled()) return;
  const progress = startProgress();
  mkdirSync(modules, { recursive: true });
  const onWait = () => progress.say('  ... another start is installing the packages; waiting for it');
  const release = await takeLock(join(modules, '.curfew-install.lock'), { waitMs: installWithinMs, onWait });
  process.once('exit', release);
  try {
    if (isInstalled()) return;
    await progress.step('installing packages (once)', runNpm);
    writeFileSync(remembered, lockHash());
  } finally {
    release();
  }
};

const runNpm = async () => {
  const windows = process.platform === 'win32';
  // A shell with NODE_ENV=production would leave out Node 24 and the embedded servers.
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'];
  const child = spawn(windows ? 'npm.cmd' : 'npm', args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: windows,
  });
  let said = '';
  const keep = (chunk) => {
    said = (said + chunk).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const stopChild = () => child.kill();
  process.once('exit', stopChild);
  const code = await new Promise((settle) => {
    child.once('error', (error) => settle(error.code === 'ENOENT' ? 'not found' : error.message));
    child.once('close', (exit, signal) => settle(exit ?? signal));
  });
  process.off('exit', stopChild);
  if (code === 0) return;
  const mend =
    code === 'not found'
      ? 'install npm (it comes with Node) and start again'
      : 'see what npm said above (often the network or a full disk), then start again; if it persists, remove node_modules first';
  throw Object.assign(new Error(`npm install failed (${code})${said === '' ? '' : `:\n${said.trimEnd()}`}`), { mend });
};

const findNode = () => {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const installed = [join(modules, 'node', 'bin', name), join(modules, '.bin', name)].find((path) => existsSync(path));
  if (installed !== undefined) return installed;
  if (major() >= 24) return process.execPath;
  return fail(
    `Curfew runs on Node 24; this is ${process.version}, and the package that brings Node 24 is not complete`,
    'run: npm rebuild node; or use Node 24 or newer yourself',
  );
};

const run = (node, script, args) => {
  const env = {
    // Whatever was compiled once is not compiled again at the next start.
    NODE_COMPILE_CACHE: join(modules, '.cache', 'curfew', 'node'),
    ...process.env,
    PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
  };
  const child = spawn(node, [resolve(root, script), ...args], { stdio: 'inherit', env });
  child.once('error', (error) =>
    fail(`${node} cannot be run: ${error.message}`, 'remove node_modules and start again'),
  );
  // The child stops in its own order and its exit code is ours. Ctrl-C in a terminal reaches it without us, and a
  // second SIGINT would be taken for impatience.
  const forward = (signal) => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, forward);
    process.kill(process.pid, signal);
  });
};

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail('no script was named', 'node dev/launch.mjs <script> [arguments]');
if (major() < 20) fail(`Node ${process.version} is too old to start Curfew`, 'install Node 20 or newer');
// While packages are being installed there is no child to stop in order.
const interrupted = () => process.exit(130);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupted);
try {
  await install();
} catch (error) {
  if (error instanceof LockHeld)
    fail(`another start is still installing packages: ${error.message}`, `end it, or remove ${error.folder}`);
  fail(
    error.message,
    error.mend ?? 'check that the project folder may be written and the disk has room, then start again',
  );
}
for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted);
if (!existsSync(resolve(root, script)))
  fail(`there is no ${script} in ${root}`, 'name one of the scripts of package.json');
run(findNode(), script, args);
