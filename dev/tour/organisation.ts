/** What a whole organisation needs besides: more than one approver, changes of the rules, and what must not combine. */
import { delegated, escalated, preview, sameHumanTwice, twoStages } from './approvals.ts';
import { conflictRefused } from './conflicts.ts';
import { conditionEnded, extendedOnTarget, goesOn } from './held.ts';
import { escalateAfterMs, stricterVoids, takesTwo } from './policy-change.ts';
import type { Report } from './report.ts';
import type { Stage } from './stage.ts';

/** One that conditions.yaml of the sample says is open. */
const incident = 'INC-13';

export async function organisation(stage: Stage, { step }: Report): Promise<void> {
  const made: { approved?: string; waiting?: string } = {};
  await step('preview', () => preview(stage));
  await step('two-stage-approval', async () => {
    const evidence = await twoStages(stage);
    made.approved = evidence.requestId;
    return evidence;
  });
  await step('same-person-second-seat-refused', () => sameHumanTwice(stage));
  await step('delegate', () => delegated(stage));
  // Begun here, and told of below: its old end passes while others decide.
  const begun = extendedOnTarget(stage);
  await begun.catch(() => undefined);
  await step('policy-change-needs-two', () => takesTwo(stage, made.approved));
  await step('escalated', () => escalated(stage, escalateAfterMs));
  await step('extended', async () => goesOn(stage, await begun));
  await step('stricter-policy-voids', () => stricterVoids(stage, made.approved === undefined ? [] : [made.approved]));
  await step('conflict-refused', async () => {
    const evidence = await conflictRefused(stage, incident);
    made.waiting = evidence.requestId;
    return evidence;
  });
  await step('condition-ended', () => conditionEnded(stage, made.waiting, incident));
}
