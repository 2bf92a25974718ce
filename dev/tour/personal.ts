/** Whether anything that can be erased stands where nothing can be: in the log, or in what a Workflow was told. */
import type { Stage } from './stage.ts';

/** Shorter ones (an address of the loopback) stand anywhere. */
const shortest = 10;

/**
 * Names, e-mail addresses, Slack accounts and whatever people wrote, as the one erasable table has them; and handles,
 * which may be e-mail addresses, as words.
 * @param places texts by name; `words` are sought in the audit log alone, where no sentence of ours has them
 * @returns each value that stands in one of them, by what it is and where, without the value itself
 */
export async function personalIn(
  { inStore }: Pick<Stage, 'inStore'>,
  places: Readonly<Record<string, string>>,
): Promise<{ readonly sought: number; readonly found: readonly string[] }> {
  const values = await inStore<{ what: string; value: string }>(
    `select distinct what, value from (
       select 'a name' as what, name as value from curfew.personal
       union all select 'an e-mail address', email from curfew.personal
       union all select 'a Slack account', slack_user from curfew.personal
       union all select 'a text (' || kind || ')', body from curfew.personal) v
     where length(value) >= ${shortest}`,
  );
  const handles = await inStore<{ handle: string }>('select handle from curfew.person');
  const found = values.flatMap(({ what, value }) =>
    Object.entries(places).flatMap(([place, text]) => (text.includes(value) ? [`${what} in ${place}`] : [])),
  );
  const audit = places['audit'] ?? '';
  const named = handles.filter(({ handle }) => asWord(handle).test(audit));
  return {
    sought: values.length + handles.length,
    found: [...new Set([...found, ...named.map(() => 'a handle in audit')])],
  };
}

export const asWord = (text: string): RegExp => new RegExp(`(?<![\\w-])${text.replaceAll(/\W/g, '\\$&')}(?![\\w-])`);
