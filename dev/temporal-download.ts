/**
 * Run as `node temporal-download.ts <version> <folder>`: has the SDK fetch that Temporal CLI into the folder. The SDK
 * does so only on the way to a running server, which is stopped again at once.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { messageOf } from './trouble.ts';

const [version, downloadDir] = process.argv.slice(2);
if (version === undefined || downloadDir === undefined)
  throw new Error('usage: temporal-download.ts <version> <folder>');
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', version: `v${version}`, downloadDir, ttl: '365 days' } },
  });
  await environment.teardown();
} catch (error) {
  // One line: the parent shows it among the ways that were tried.
  process.stderr.write(`${messageOf(error).replaceAll(/\s+/g, ' ')}\n`);
  process.exitCode = 1;
}
