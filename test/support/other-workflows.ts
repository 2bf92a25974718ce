/** Not the product: Workflows of the same names that do something else, to see that the replay gate notices. */
import { sleep } from '@temporalio/workflow';

export async function accessRequest(): Promise<string> {
  await sleep(1_000);
  return 'expired';
}

export async function effective(): Promise<void> {
  await sleep(1_000);
}

export async function leave(): Promise<void> {
  await sleep(1_000);
}

export async function reconcile(): Promise<void> {
  await sleep(1_000);
}

export async function review(): Promise<void> {
  await sleep(2_500);
}
