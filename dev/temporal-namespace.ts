import { setTimeout as pause } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
// A CommonJS module whose names Node cannot see: only its default export works.
import proto, { type temporal } from '@temporalio/proto';
import { isSafeServer } from './temporal-binary.ts';
import { Trouble, messageOf } from './trouble.ts';

export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

/** What Curfew needs of a Temporal server before it counts as ready. */
export type NamespaceNeeds = {
  readonly namespace: string;
  /** Typed search attributes, e.g. `{ CurfewTarget: 'Keyword' }`. */
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
};

const notFound = 5;
const alreadyExists = 6;
const callWithinMs = 5_000;

/** Those of the needed search attributes that the namespace does not have. Rejects while there is no such namespace. */
export const missingAttributes = async (
  connection: Connection,
  needs: NamespaceNeeds,
): Promise<Partial<NamespaceNeeds['searchAttributes']>> => {
  const { namespace } = needs;
  const { customAttributes } = await connection.withDeadline(Date.now() + callWithinMs, async () => {
    await connection.workflowService.describeNamespace({ namespace });
    return connection.operatorService.listSearchAttributes({ namespace });
  });
  return Object.fromEntries(Object.entries(needs.searchAttributes).filter(([name]) => !(name in customAttributes)));
};

/**
 * Checks a server that somebody else runs and gives it the namespace and search attributes that it lacks.
 * @throws Trouble when it does not answer or is too old
 */
export const completeNamespace = async (needs: NamespaceNeeds, address: string): Promise<void> => {
  const connection = await Connection.connect({ address, connectTimeout: 10_000 }).catch((error: unknown) => {
    const what = `the Temporal server at ${address} (TEMPORAL_ADDRESS) does not answer: ${messageOf(error)}`;
    throw new Trouble(what, 'start it, or unset TEMPORAL_ADDRESS', { cause: error });
  });
  try {
    await refuseOldServer(connection, address);
    await ensureNamespace(connection, needs.namespace);
    await addAttributes(connection, needs);
  } finally {
    await connection.close();
  }
};

const refuseOldServer = async (connection: Connection, address: string): Promise<void> => {
  const { serverVersion } = await connection.workflowService.getSystemInfo({});
  if (isSafeServer(serverVersion)) return;
  const what = `the Temporal server at ${address} is version ${serverVersion}, which has known vulnerabilities`;
  throw new Trouble(what, 'use 1.30.4 or newer (1.29.6 and 1.28.4 on those lines)');
};

const ensureNamespace = async (connection: Connection, namespace: string): Promise<void> => {
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    if (!hasCode(error, notFound)) throw error;
    const retention = msToTs('1 day');
    await connection.workflowService
      .registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention })
      .catch(unlessThere);
  }
};

const addAttributes = async (connection: Connection, needs: NamespaceNeeds): Promise<void> => {
  // A namespace that was just registered is known to the whole server only some seconds later.
  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    try {
      const missing = Object.entries(await missingAttributes(connection, needs)) as [string, SearchAttributeType][];
      if (missing.length === 0) return;
      const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, indexedTypes[type]]));
      await connection.operatorService
        .addSearchAttributes({ namespace: needs.namespace, searchAttributes })
        .catch(unlessThere);
      return;
    } catch (error) {
      if (!hasCode(error, notFound) || Date.now() > giveUpAt) throw error;
    }
    await pause(200);
  }
};

const { IndexedValueType } = proto.temporal.api.enums.v1;
const indexedTypes: Record<SearchAttributeType, temporal.api.enums.v1.IndexedValueType> = {
  Text: IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Int: IndexedValueType.INDEXED_VALUE_TYPE_INT,
  Double: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  Datetime: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
};

const hasCode = (error: unknown, code: number): boolean => isGrpcServiceError(error) && (error.code as number) === code;

/** Two stacks may register the same at once. */
const unlessThere = (error: unknown): void => {
  if (!hasCode(error, alreadyExists)) throw error;
};
