/** Brings the sample company's people and policy into an empty store, as an operator's import would. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePolicy, type LoadedPolicy } from '../../policy/parse.ts';
import { changesOf } from '../../service/people-file.ts';
import { apply as applyPerson } from '../../store/people.ts';
import { apply as applyPolicy, current } from '../../store/policies.ts';
import type { Store } from '../../store/pool.ts';
import { slackIds } from '../slack/emulator.ts';
import { stableId } from '../slack/stable-ids.ts';
import { samplePeople } from './workspace.ts';

export const policyText = (): string => readFileSync(join(import.meta.dirname, 'policy.yaml'), 'utf8');

/** @throws when the sample's own file does not lint */
export function samplePolicy(): LoadedPolicy {
  const parsed = parsePolicy(policyText());
  if (!parsed.ok) throw new Error(parsed.issues.map((issue) => `${issue.line}: ${issue.message}`).join('\n'));
  return parsed.policy;
}

/**
 * Once: a store that has a policy keeps its people and its policy as they are, so that whoever left stays away over a
 * restart. Each person is linked to the Slack account of the same name.
 * @returns `differs` where another policy holds than the one of the sample's file
 */
export async function settle(stores: {
  readonly admin: Store;
  readonly directory: Store;
}): Promise<'settled' | 'same' | 'differs'> {
  const held = await current(stores.admin);
  if (held) return held.text === policyText() ? 'same' : 'differs';
  const people = samplePeople().map((person) => ({
    ...person,
    slack: { team: slackIds.team, user: stableId('U', person.handle) },
  }));
  await stores.directory.transaction(async (tx) => {
    for (const change of changesOf(people, Date.now(), () => false)) await applyPerson(tx, change, 'curfew_directory');
  });
  const { hash, onePersonChanges: onePerson } = samplePolicy();
  await stores.admin.transaction((tx) => applyPolicy(tx, { hash, text: policyText(), onePerson }, 'curfew_admin'));
  return 'settled';
}
