/** Where each message of a request stands in Slack: a click must come from there, and any worker can edit it. */
import type { RequestId } from '../domain/ids.ts';
import type { Db } from './pool.ts';

export type SlackMessage = {
  readonly requestId: RequestId;
  /** `card`, `thread:<state>`, `dm:<what>[:<person>]`. */
  readonly slot: string;
  readonly channel: string;
  readonly ts: string;
  /** Hash of what it shows: an equal paint is not sent again. */
  readonly painted: string;
};

const columns = 'request_id as "requestId", slot, channel, ts, painted';

export const of = (db: Db, requestId: RequestId): Promise<readonly SlackMessage[]> =>
  db.query(`select ${columns} from curfew.slack_message where request_id = $1 order by slot`, [requestId]);

/** The message that a click says it comes from; undefined where Curfew posted none there. */
export async function at(db: Db, channel: string, ts: string): Promise<SlackMessage | undefined> {
  const [row] = await db.query<SlackMessage>(
    `select ${columns} from curfew.slack_message where channel = $1 and ts = $2`,
    [channel, ts],
  );
  return row;
}

/** Keeps where a slot's message stands and what it shows now; the newest holds. */
export async function put(db: Db, message: SlackMessage): Promise<void> {
  await db.query(
    `insert into curfew.slack_message (request_id, slot, channel, ts, painted) values ($1, $2, $3, $4, $5)
     on conflict (request_id, slot) do update set channel = excluded.channel, ts = excluded.ts,
       painted = excluded.painted, posted_at = clock_timestamp()`,
    [message.requestId, message.slot, message.channel, message.ts, message.painted],
  );
}
