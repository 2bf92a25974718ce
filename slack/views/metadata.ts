/**
 * `private_metadata` of a modal: ids only. It comes back in a signed delivery, so it is what we wrote; it is parsed all
 * the same, because an old modal may have been written by an older version.
 */
import { z } from 'zod';
import { isUuid, type ExtensionId, type RequestId } from '../../domain/ids.ts';

const requestId = z
  .string()
  .refine(isUuid)
  .transform((text) => text as RequestId);
const extensionId = z
  .string()
  .refine(isUuid)
  .transform((text) => text as ExtensionId);
const shape = z.strictObject({
  requestId,
  extensionId: extensionId.optional(),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

/** `digest`: of what Review showed; a decision carries it back (I7). `extensionId`: where Review is of an extension. */
export type Metadata = { readonly requestId: RequestId; readonly extensionId?: ExtensionId; readonly digest?: string };

export const writeMetadata = (metadata: Metadata): string => JSON.stringify(metadata);

/** @returns undefined for anything that Curfew does not write */
export function readMetadata(text: string): z.infer<typeof shape> | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
