/** The sample company's Slack workspace. Accounts are called as people are in people.yaml. */
export const slackTeam = { name: 'Halden Freight', domain: 'halden-freight' } as const;
export const slackChannels = { approvals: 'access-approvals', ops: 'curfew-ops', general: 'general' } as const;
