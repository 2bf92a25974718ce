/** Temporal as an operator of it sees it: with its own client, and the stack's key to what is sealed. */
import { Client, Connection } from '@temporalio/client';
import { dataConverterFor } from '../../temporal/codec.ts';
import { reconcileScheduleId } from '../../workflows/contract.ts';
import { codecKeyId } from '../stack/settings.ts';
import type { Stage } from './stage.ts';

export const converterOf = ({ settings }: Stage['stack']): ReturnType<typeof dataConverterFor> =>
  dataConverterFor([{ id: codecKeyId, key: Buffer.from(settings.secrets.codecKey, 'base64') }]);

export async function withTemporal<T>(
  { stack }: Pick<Stage, 'stack'>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address: stack.temporal.address });
  try {
    const { namespace } = stack.temporal;
    return await work(new Client({ connection, namespace, dataConverter: converterOf(stack) }));
  } finally {
    await connection.close();
  }
}

/** The reconciler's look that would come within a minute comes now. */
export const lookNow = (stage: Stage): Promise<void> =>
  withTemporal(stage, (client) => client.schedule.getHandle(reconcileScheduleId).trigger());
