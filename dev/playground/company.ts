/** The sample company as the playground shows it. */
import { command } from '../../slack/ids.ts';
import { powersOf } from '../company/powers.ts';
import { samplePeople, slackChannels, slackTeam } from '../company/workspace.ts';
import type { Workspace } from '../slack/workspace.ts';
import type { Company } from './page/shapes.ts';

/** The guide's story: one asks, another owns the data. */
const lead = {
  asks: 'amara',
  approves: 'priya',
  line: 'orders-prod read 15m because INC-12 slow checkout',
} as const;

export const sampleCompany = ({ userId }: Pick<Workspace, 'userId'>): Omit<Company, 'names'> => ({
  team: slackTeam.name,
  command,
  people: samplePeople().map(({ handle, name, groups }) => ({
    id: userId(handle),
    handle,
    name,
    says: powersOf({ groups: groups.map((group) => group.name) }),
  })),
  channels: [slackChannels.approvals, slackChannels.ops],
  lead,
});
