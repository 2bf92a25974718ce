/** The sample company's Slack workspace: an account for each person of people.yaml, called by the person's handle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePeople, type PersonEntry } from '../../service/people-file.ts';
import type { SlackSeed } from '../slack/workspace.ts';

export const slackTeam = { name: 'Juniper & Finch', domain: 'juniper-finch' } as const;
export const slackChannels = { approvals: 'access-approvals', ops: 'curfew-ops', general: 'general' } as const;

/** Everybody in people.yaml. @throws when the sample's own file does not parse */
export function samplePeople(): readonly PersonEntry[] {
  const parsed = parsePeople(readFileSync(join(import.meta.dirname, 'people.yaml'), 'utf8'));
  if (!parsed.ok) throw new Error(parsed.issues.map((issue) => `${issue.line}: ${issue.message}`).join('\n'));
  return parsed.people;
}

export const sampleSeed = (
  secrets: { readonly botToken: string; readonly signingSecret: string },
  scopes: readonly string[],
): SlackSeed => ({
  team: slackTeam,
  users: samplePeople().map(({ handle, name, email }) => ({ name: handle, realName: name, email })),
  channels: Object.values(slackChannels).map((name) => ({ name })),
  scopes,
  ...secrets,
});
