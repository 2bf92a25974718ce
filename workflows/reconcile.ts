import { looking, onceIn } from './proxies.ts';

/** One look at everything: the requests first, because what is found of them is done about on the targets. */
export async function reconcile(): Promise<void> {
  const { zones } = await looking.reconcileRequests();
  await Promise.allSettled(zones.map((zone) => onceIn(zone).reconcileTargets()));
}
