/** `npm run tour`: the whole story on a temporary stack of its own, through the real surfaces. `--json` for machines. */
import { startProgress } from '../progress.mjs';
import { Trouble, messageOf } from '../trouble.ts';
import { breakGlass } from './break-glass.ts';
import { endings } from './endings.ts';
import { erased } from './erased.ts';
import { evidence } from './evidence.ts';
import { firstRequest } from './first-request.ts';
import { leaving } from './leaving.ts';
import { organisation } from './organisation.ts';
import { reviewWithinMs } from './policy-change.ts';
import { proofs } from './proofs.ts';
import { recovery, terminated } from './recovery.ts';
import { startReport } from './report.ts';
import { scim } from './scim.ts';
import { sessions } from './sessions.ts';
import { standbys } from './standby.ts';
import { openStage, type Stage } from './stage.ts';

const words = process.argv.slice(2);
if (words.includes('--help') || words.includes('-h')) {
  process.stdout.write(
    'npm run tour             walks through the whole story on a temporary stack\nnpm run tour -- --json   one JSON object a line: {step, ok, ms, evidence}, at last {summary}\n',
  );
  process.exit(0);
}
const unknown = words.filter((word) => word !== '--json');
if (unknown.length > 0) {
  process.stderr.write(`npm run tour does not know ${unknown.join(' ')}; it takes --json\n`);
  process.exit(2);
}

const json = words.includes('--json');
const progress = startProgress(process.stderr);
let stage: Stage | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void (stage?.end() ?? Promise.resolve()).finally(() => process.exit(130)));
}
const report = startReport(json, (text) => process.stdout.write(text));
try {
  stage = await openStage(progress, { standby: true });
  const first = await firstRequest(stage, report);
  await sessions(stage, report, first);
  await endings(stage, report);
  await organisation(stage, report);
  const begun = terminated(stage);
  await begun.catch(() => undefined);
  await leaving(stage, report);
  await scim(stage, report);
  await breakGlass(stage, report, reviewWithinMs);
  await recovery(stage, report, begun);
  await standbys(stage, report);
  await evidence(stage, report, first);
  await erased(stage, report);
  await proofs(stage, report, first);
} catch (error) {
  process.stderr.write(`${error instanceof Trouble ? error.message : messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await stage?.end();
}
const failed = report.results().filter((result) => !result.ok).length;
const summary = { steps: report.results().length, failed };
process.stdout.write(json ? `${JSON.stringify({ summary })}\n` : `${summary.steps} steps, ${summary.failed} failed\n`);
if (failed > 0) process.exitCode = 1;
process.exit();
