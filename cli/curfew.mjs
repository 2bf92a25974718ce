#!/usr/bin/env node
/** Runs cli/main.ts: with this Node where it is 24 or later, else with the one that is installed beside. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import('./main.ts');
} else {
  process.exitCode = withNode24();
}

function withNode24() {
  let node;
  try {
    node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    process.stderr.write(
      `curfew needs Node 24 or later, and this is ${process.versions.node}: install Node 24, or run npm install.\n`,
    );
    return 2;
  }
  const { status, error } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (error) process.stderr.write(`Node 24 did not start: ${error.message}\n`);
  return status ?? 1;
}
