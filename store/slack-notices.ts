/** Where messages about other things than requests stand in Slack: proposals, links. As `slack-messages.ts`. */
import type { Db } from './pool.ts';

export type SlackNotice = {
  /** What it is about, e.g. `proposal/<id>`. */
  readonly subject: string;
  readonly slot: string;
  readonly channel: string;
  readonly ts: string;
  /** Hash of what it shows: an equal paint is not sent again. */
  readonly painted: string;
};

const columns = 'subject, slot, channel, ts, painted';

export const of = (db: Db, subject: string): Promise<readonly SlackNotice[]> =>
  db.query(`select ${columns} from curfew.slack_notice where subject = $1 order by slot`, [subject]);

/** The message that a click says it comes from; undefined where Curfew posted none there. */
export async function at(db: Db, channel: string, ts: string): Promise<SlackNotice | undefined> {
  const [row] = await db.query<SlackNotice>(
    `select ${columns} from curfew.slack_notice where channel = $1 and ts = $2`,
    [channel, ts],
  );
  return row;
}

/** Keeps where a slot's message stands and what it shows now; the newest holds. */
export async function put(db: Db, notice: SlackNotice): Promise<void> {
  await db.query(
    `insert into curfew.slack_notice (subject, slot, channel, ts, painted) values ($1, $2, $3, $4, $5)
     on conflict (subject, slot) do update set channel = excluded.channel, ts = excluded.ts,
       painted = excluded.painted, posted_at = clock_timestamp()`,
    [notice.subject, notice.slot, notice.channel, notice.ts, notice.painted],
  );
}
