/** What a template allows, and what that adds to what its requester holds: as the target's last check stored it. */
import type { ReviewModel } from '../../service/contract.ts';
import { joined, mrkdwn, nothing, value, when, type Mrkdwn } from '../text.ts';
import { context, section } from './kit.ts';
import type { Block } from './message.ts';

/** The difference first: what this adds to what they can do on this target now, then all that the template allows. */
export function privilegeBlocks(model: ReviewModel, who: string): readonly Block[] {
  const { privileges: found } = model;
  const checked = found ? context(mrkdwn`As the target's last check found it, ${when(found.checkedAt)}.`) : [];
  return [
    section(mrkdwn`*Adds to what ${who} can do now*\n${added(model)}`),
    section(
      mrkdwn`*All that it allows* (template ${model.template})\n${found ? privilegeLines(found.lines) : notChecked}`,
    ),
    checked,
    section(mrkdwn`*What ${who} has now*\n${held(model)}`),
  ].flat();
}

const notChecked = mrkdwn`The target was not checked yet, so this is not known.`;

function added({ privileges: found, adds }: ReviewModel): Mrkdwn {
  if (found === null) return notChecked;
  return adds.length === 0 ? mrkdwn`Nothing: what they hold already allows all of it.` : privilegeLines(adds);
}

/** A line a privilege; the first twenty, each cut by itself. */
function privilegeLines(all: readonly string[]): Mrkdwn {
  const shown = all.slice(0, 20).map((line) => mrkdwn`- ${value(line, 100)}`);
  const rest = all.length - shown.length;
  return mrkdwn`${shown.length > 0 ? joined(shown, '\n') : 'Nothing.'}${rest > 0 ? mrkdwn`\n... and ${rest} more` : nothing}`;
}

function held({ held: grants }: ReviewModel): Mrkdwn {
  if (grants.length === 0) return mrkdwn`Nothing.`;
  const lines = grants
    .slice(0, 10)
    .map((grant) => mrkdwn`- ${grant.role} on ${grant.target} until ${when(grant.endAt)}`);
  const rest = grants.length - lines.length;
  return mrkdwn`${joined(lines, '\n')}${rest > 0 ? mrkdwn`\n... and ${rest} more` : nothing}`;
}
