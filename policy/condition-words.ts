/** The names that a condition may use, and the words that each of them can be equal to. */
import { personStates } from '../domain/person.ts';

/** What the file and the directory know. */
export type Vocabulary = {
  /** Every label of every target, with its values. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  readonly targets: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** Some target is not well-formed: what it would have named is not known. */
  readonly incomplete: boolean;
  readonly groups?: ReadonlySet<string>;
  readonly schedules?: ReadonlySet<string>;
};

export const variables: readonly string[] = ['requester', 'target', 'request', 'now'];

const fields: Readonly<Record<string, readonly string[]>> = {
  requester: ['id', 'kind', 'state', 'manager', 'groups', 'onCall'],
  request: ['role', 'duration', 'ticket', 'start'],
  target: ['name', 'labels'],
};

/** The fields of a variable; each label of a target is one. */
export const fieldNames = (variable: string, { labels }: Vocabulary): readonly string[] => [
  ...(fields[variable] ?? []),
  ...(variable === 'target' ? labels.keys() : []),
];

type Values =
  | { readonly kind: 'any' }
  | { readonly kind: 'id' }
  | {
      readonly kind: 'words';
      readonly code: 'never-equal' | 'unknown-group' | 'unknown-schedule';
      readonly words: ReadonlySet<string>;
      /** How to say that there is no such one. */
      readonly none: string;
    };

/** What a field, or an entry of a list, can be; undefined for what is no text. */
export function valuesOf(path: string, known: Vocabulary): Values | undefined {
  const words = (
    none: string,
    of: ReadonlySet<string> | undefined,
    code: Extract<Values, { kind: 'words' }>['code'] = 'never-equal',
  ): Values => (of === undefined ? { kind: 'any' } : { kind: 'words', code, words: of, none });
  const complete = <Of>(of: Of): Of | undefined => (known.incomplete ? undefined : of);
  switch (path) {
    case 'requester.id':
    case 'requester.manager':
      return { kind: 'id' };
    case 'requester.kind':
      return words('there is no kind', new Set(['employee', 'contractor', 'service']));
    case 'requester.state':
      return words('there is no state', new Set<string>(personStates));
    case 'requester.groups':
      return words('the directory knows no group', known.groups, 'unknown-group');
    case 'requester.onCall':
      return words('there is no schedule', known.schedules, 'unknown-schedule');
    case 'request.ticket':
      return { kind: 'any' };
    case 'request.role':
      return words('no target has a role', complete(known.roles));
    case 'target.name':
      return words('there is no target', complete(known.targets));
    default: {
      const label = /^target\.(?:labels\.)?([^.]+)$/.exec(path)?.[1];
      if (label === undefined || label === 'labels') return undefined;
      return words(`no target has ${label}`, complete(known.labels.get(label)));
    }
  }
}

/** An operator as one writes it: `_<_` is `<`. */
export const byName = (name: string): string => name.replace(/^@/, '').replaceAll(/^_|_$/g, '');
