import { sleep } from '@temporalio/workflow';
import type { EffectiveInput } from './contract.ts';
import { patient } from './proxies.ts';

/**
 * Waits for the day from which a source's word on a person counts, and then until it does. What it says, and whether
 * that still holds, stands in the store: a correction changes it there, and this finds it settled.
 */
export async function effective(input: EffectiveInput): Promise<string> {
  await sleep(Math.max(input.effectiveAt - Date.now(), 1));
  return patient.untilSettled(input);
}
