import { sleep } from '@temporalio/workflow';

/** As little as a Workflow can be that imports the Workflow API: what the product's bundle is measured against. */
export async function trivial(): Promise<void> {
  await sleep(1);
}
