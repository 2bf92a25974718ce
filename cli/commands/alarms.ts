import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { severityOf, testCode } from '../../domain/alarms.ts';
import { formatSpan, minuteMs } from '../../domain/time.ts';
import { listed, type ListedAlarm } from '../../store/alarm-deliveries.ts';
import { raise } from '../../store/alarms.ts';
import type { Store } from '../../store/pool.ts';
import type { Register } from '../program.ts';
import { withAdminStore } from '../settings.ts';
import { exitCodes, printJson, printTable, type Terminal } from '../terminal.ts';

type Options = { readonly open?: true; readonly all?: true; readonly json?: true };

/** A worker tells each second; a channel that has not taken it by then is not heard. */
const testMs = minuteMs;
const lookEveryMs = 500;

export const registerAlarms: Register = (program, terminal, finish) => {
  const command = program
    .command('alarms')
    .summary('list what is wrong, and who was told')
    .description(
      'Lists open alarms, the oldest first, with the channels that were told and those that do not take it. Exit code 1 where one is open.',
    )
    .option('--open', 'only those that are open; also without a word')
    .option('--all', 'those that are over too, at most the newest 1,000')
    .option('--json', 'print them as JSON')
    .addHelpText('after', '\nExamples:\n  curfew alarms\n  curfew alarms --all --json\n  curfew alarms test')
    .action(async (options: Options) => {
      const found = await withAdminStore(terminal, (store) => listed(store, options.all === true));
      finish(found.some(({ resolvedAt }) => resolvedAt === null) ? exitCodes.refused : exitCodes.done);
      if (options.json) return printJson(terminal, found.map(shown));
      if (found.length === 0) return terminal.out('No alarm is open.\n');
      print(terminal, found);
    });
  command
    .command('test')
    .summary('see whether alarms are heard')
    .description(
      'Raises a test alarm and waits until every channel of the worker was told that it is there and that it is over. Exit code 1 where one was not.',
    )
    .option('--json', 'print the deliveries as JSON')
    .addHelpText('after', '\nExamples:\n  curfew alarms test')
    .action(async (options: { json?: true }, self: { optsWithGlobals(): Options }) => {
      const json = options.json ?? self.optsWithGlobals().json;
      const alarm = await withAdminStore(terminal, (store) => tryOut(terminal, store));
      const channels = heardBy(alarm);
      const heard = channels.length > 0 && channels.every(({ resolved }) => resolved);
      finish(heard ? exitCodes.done : exitCodes.refused);
      if (json) return printJson(terminal, { heard, channels });
      if (channels.length === 0) return terminal.out('Nobody was told: no worker is running.\n');
      printTable(
        terminal,
        ['channel', 'raised', 'resolved', 'trouble'],
        channels.map(({ channel, raised, resolved, trouble }) => [channel, said(raised), said(resolved), trouble]),
      );
    });
};

const said = (told: boolean): string => (told ? 'told' : 'NOT told');

const shown = (alarm: ListedAlarm) => ({ ...alarm, severity: severityOf(alarm.code) });

function print(terminal: Terminal, found: readonly ListedAlarm[]): void {
  const now = terminal.clock();
  printTable(
    terminal,
    ['', 'code', 'about', 'for', 'told', 'not heard by', 'what'],
    found.map((alarm) => [
      alarm.resolvedAt === null ? severityOf(alarm.code) : 'over',
      alarm.code,
      alarm.subject,
      formatSpan((alarm.resolvedAt ?? now) - alarm.raisedAt),
      channelsOf(alarm, true).join(' '),
      channelsOf(alarm, false).join(' '),
      alarm.detail,
    ]),
  );
}

const channelsOf = ({ deliveries }: ListedAlarm, told: boolean): readonly string[] => [
  ...new Set(
    deliveries.flatMap(({ channel, deliveredAt, passedAt }) =>
      passedAt === null && (deliveredAt !== null) === told ? [channel] : [],
    ),
  ),
];

/** @returns the alarm once all is told, or as it is by the end of the wait */
async function tryOut(terminal: Terminal, store: Store): Promise<ListedAlarm | undefined> {
  const key = `${testCode}/${randomUUID()}`;
  const detail = 'A test that an operator asked for; nothing is wrong.';
  await raise(store, { key, code: testCode, subject: 'alarms', detail });
  terminal.err('Raised a test alarm; waiting for the worker to tell it.\n');
  const deadlineAt = performance.now() + testMs;
  for (;;) {
    const alarm = (await listed(store, true, key))[0];
    const channels = heardBy(alarm);
    if (channels.length > 0 && channels.every(({ resolved }) => resolved)) return alarm;
    if (performance.now() >= deadlineAt) return alarm;
    await pause(lookEveryMs);
  }
}

type Heard = {
  readonly channel: string;
  readonly raised: boolean;
  readonly resolved: boolean;
  readonly trouble: string | null;
};

function heardBy(alarm: ListedAlarm | undefined): readonly Heard[] {
  const deliveries = alarm?.deliveries ?? [];
  return [...new Set(deliveries.map(({ channel }) => channel))].toSorted().map((channel) => {
    const own = deliveries.filter((one) => one.channel === channel);
    const told = (step: string): boolean => own.some((one) => one.step === step && one.deliveredAt !== null);
    const trouble = own.find(({ error }) => error !== null)?.error ?? null;
    return { channel, raised: told('raised'), resolved: told('resolved'), trouble };
  });
}
