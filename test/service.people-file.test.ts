import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sameHuman, type PersonFacts } from '../domain/person.ts';
import { personIdFrom } from '../policy/digest.ts';
import { changesOf, parsePeople, type PersonEntry } from '../service/people-file.ts';
import type { Separation } from '../service/people-conflicts.ts';
import { apply, list } from '../store/people.ts';
import { startStore, type TestStore } from './support/store.ts';

const issuesOf = (text: string): readonly string[] => {
  const parsed = parsePeople(text);
  return parsed.ok
    ? []
    : parsed.issues.map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message}`);
};
const entriesOf = (text: string): readonly PersonEntry[] => {
  const parsed = parsePeople(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.people;
};
const ada = '  - { handle: ada, name: Ada Berg, email: ada@example.com }\n';
const ben = '  - { handle: ben, name: Ben Costa, email: ben@example.com, manager: ada }\n';

describe('a sound file', () => {
  test('gives each person an id that the handle determines, unless it names one', () => {
    const own = '0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90';
    const [first, second] = entriesOf(`people:\n${ada}${ben.replace('name:', `id: ${own}, name:`)}`);
    expect(first).toEqual({
      id: personIdFrom('ada'),
      handle: 'ada',
      name: 'Ada Berg',
      email: 'ada@example.com',
      kind: 'employee',
      state: null,
      manager: null,
      groups: [],
      aliases: [],
      slack: null,
      version: null,
    });
    expect(second).toMatchObject({ id: own, manager: personIdFrom('ada') });
  });

  test('may say everything of a person', () => {
    const [person] = entriesOf(`groups: [owners, engineers]
people:
  - handle: ada
    name: Ada Berg
    email: Ada.Berg+work@mail.example.com
    kind: contractor
    state: suspended
    groups: [engineers, { name: owners, by: ben }]
    slack: { team: T0123, user: U0123 }
    version: 7
${ben}`);
    expect(person).toMatchObject({
      kind: 'contractor',
      state: 'suspended',
      groups: [{ name: 'engineers' }, { name: 'owners', by: personIdFrom('ben') }],
      slack: { team: 'T0123', user: 'U0123' },
      version: 7,
    });
  });

  test('makes all accounts of a human one, from whichever side and over however many steps (I6)', () => {
    const people = entriesOf(`people:
  - { handle: a, name: A, email: a@example.com, aliases: [b] }
  - { handle: b, name: B, email: b@example.com }
  - { handle: c, name: C, email: c@example.com, aliases: [b] }
  - { handle: d, name: D, email: d@example.com, aliases: [c, e] }
  - { handle: e, name: E, email: e@example.com }
  - { handle: x, name: X, email: x@example.com }
`);
    for (const one of people) {
      for (const other of people) {
        const outsider = one.handle === 'x' || other.handle === 'x';
        expect(sameHuman(one as unknown as PersonFacts, other)).toBe(!outsider || one === other);
        if (!outsider && one !== other) expect(one.aliases).toContain(other.id);
      }
      expect(one.aliases).not.toContain(one.id);
    }
  });

  test('knows its groups from the list, or from who is in them', () => {
    const parsed = parsePeople(`people:\n${ada.replace('}', ', groups: [x, y] }')}`);
    expect(parsed.ok && [...parsed.groups]).toEqual(['x', 'y']);
    const listed = parsePeople(`groups: [empty]\npeople:\n${ada}`);
    expect(listed.ok && [...listed.groups]).toEqual(['empty']);
  });
});

/** Takes the marks `¤` out of a text and says where they stood: each marks the place of one issue. */
function marked(text: string): { readonly plain: string; readonly places: readonly string[] } {
  const places: string[] = [];
  const plain = text.split('\n').map((line, index) => {
    const parts = line.split('¤');
    let column = 1;
    for (const part of parts.slice(0, -1)) {
      column += part.length;
      places.push(`${index + 1}:${column}`);
    }
    return parts.join('');
  });
  return { plain: plain.join('\n'), places };
}

const eve = (fields: string): string => `  - { handle: eve, name: Eve, email: eve@example.com, ${fields} }\n`;

describe('each mistake is told with its place', () => {
  const broken: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'a manager who is not there',
      ada + ben.replace('manager: ada', 'manager: ¤adda'),
      ['unknown-manager: nobody has the handle "adda": did you mean "ada"?'],
    ],
    ['somebody who manages themselves', eve('manager: ¤eve'), ['own-manager: nobody is their own manager']],
    [
      'managers in a circle, once',
      `${ada.replace(' }', ', manager: ¤cy }')}${ben}  - { handle: cy, name: Cy, email: cy@example.com, manager: ben }\n`,
      ['manager-cycle: managers in a circle: ada -> cy -> ben -> ada'],
    ],
    [
      'an alias of nobody, and of oneself',
      ada + eve('aliases: [¤eve, ¤aada]'),
      [
        'own-alias: an alias is another entry of the same human',
        'unknown-alias: nobody has the handle "aada": did you mean "ada"?',
      ],
    ],
    [
      'a handle, an address and a Slack account of two',
      `${ada.replace('}', ', slack: { team: T1, user: U1 } }')}  - { handle: ¤ada, name: Ben, email: ¤ADA@example.com, slack: ¤{ team: T1, user: U1 } }\n`,
      [
        'duplicate-handle: somebody else has the handle "ada"',
        'duplicate-email: somebody else has this e-mail address',
        'duplicate-slack: somebody else has this Slack account',
      ],
    ],
    [
      'an id of two',
      `${eve('id: 0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90')}${ada.replace('}', ', id: ¤0190c5a2-7e4b-8a31-9f00-3b5c6d7e8f90 }')}`,
      ['duplicate-id: somebody else has this id'],
    ],
    [
      'a state that HR does not know',
      eve('state: ¤retired'),
      ["bad-value: a person's state is active, suspended, left"],
    ],
    ['a kind that nobody is', eve('kind: ¤robot'), ["bad-value: a person's kind is employee, contractor, service"]],
    [
      'addresses that are none',
      ada.replace('ada@example.com', '¤ada') + ben.replace('ben@example.com', '¤"ben@@example.com"'),
      ['bad-email: "ada" is not an e-mail address', 'bad-email: "ben@@example.com" is not an e-mail address'],
    ],
    [
      'a field that nobody reads',
      ada + eve('¤manger: ada'),
      ['unknown-field: unknown field "manger": did you mean "manager"?'],
    ],
    [
      'a group twice, and one put in by nobody',
      eve('groups: [x, ¤x, { name: y, by: ¤bob }]'),
      ['duplicate-group: "x" stands here twice', 'unknown-person: nobody has the handle "bob"; known: eve'],
    ],
    [
      'Slack ids of the wrong kind',
      eve('slack: { team: ¤acme, user: ¤12 }'),
      [
        'bad-slack: "acme" is not a Slack team id (T...)',
        'wrong-type: expected a Slack user id (U... or W...), not "12"',
      ],
    ],
    [
      'a handle, an id and a version that are none',
      '  - { handle: ¤Eve!, name: Eve, email: eve@example.com, id: ¤12345, version: ¤-1 }\n',
      [
        'bad-handle: "Eve!" is not a handle (lower-case letters, digits and . _ -, at most 63)',
        'wrong-type: expected a lower-case UUID, not "12345"',
        'bad-value: a version is not negative',
      ],
    ],
    [
      'nobody, and half of somebody',
      '  - ¤¤{ handle: eve }\n  - ¤eve\n',
      [
        'missing-field: "name" is missing',
        'missing-field: "email" is missing',
        'wrong-type: expected fields, not "eve"',
      ],
    ],
    [
      'a name that turns the text around',
      '  - { handle: eve, name: ¤"Eve \\u202E", email: eve@example.com }\n',
      ['bad-name: "Eve \\u{202e}" is not a name of at most 100 characters on one line'],
    ],
  ];
  test.each(broken)('%s', (_, people, issues) => {
    const { plain, places } = marked(`people:\n${people}`);
    expect(issuesOf(plain)).toEqual(issues.map((issue, index) => `${places[index]} ${issue}`));
  });

  test('a group that the list does not have', () => {
    const { plain, places } = marked(`groups: [owners]\npeople:\n${ada.replace('}', ', groups: [¤ownres] }')}`);
    expect(issuesOf(plain)).toEqual([
      `${places[0]} unknown-group: "groups" does not list "ownres": did you mean "owners"?`,
    ]);
  });

  test('a file of nobody, and one that is no file of people', () => {
    expect(issuesOf('people: []')).toEqual(['1:9 bad-value: nobody is listed']);
    expect(issuesOf('targets: {}')).toEqual([
      '1:1 missing-field: "people" is missing',
      '1:1 unknown-field: unknown field "targets"; known: groups, people, version',
    ]);
    expect(issuesOf('people: { ada: {} }')).toEqual(['1:9 wrong-type: expected a list, not fields']);
  });

  test('any text at all never throws', () => {
    const words = [
      'people:\n',
      '  - ',
      'handle: ',
      'ada',
      '{',
      '}',
      ', ',
      'aliases: [',
      ']',
      'groups: ',
      '\n',
      'manager: ',
      '&a ',
      '*a',
      '\0',
    ];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((all) => `people:\n  - ${all.join('')}`),
    );
    fc.assert(
      fc.property(text, (hostile) => {
        expect(typeof parsePeople(hostile).ok).toBe('boolean');
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('in the store', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await startStore();
  });
  afterAll(async () => store?.end());

  const bring = async (text: string, version: number): Promise<readonly string[]> => {
    const directory = store.as.curfew_directory;
    const known = new Set((await list(directory)).map(({ handle }) => handle));
    return directory.transaction(async (tx) => {
      const kinds: string[] = [];
      for (const change of changesOf(entriesOf(text), version, (handle) => known.has(handle))) {
        kinds.push((await apply(tx, change, 'curfew_directory')).kind);
      }
      return kinds;
    });
  };
  const text = `people:\n${ada}${ben}`;

  test('people arrive active, with their managers, and the same file again changes nothing', async () => {
    expect(await bring(text, 1)).toEqual(['created', 'created']);
    expect(await bring(text, 2)).toEqual(['same', 'same']);
    const [first, second] = await list(store.as.curfew_directory);
    expect(first).toMatchObject({ id: personIdFrom('ada'), handle: 'ada', state: 'active', name: 'Ada Berg' });
    expect(second).toMatchObject({ handle: 'ben', manager: personIdFrom('ada') });
  });

  test('a file that does not mention a state brings back nobody whom HR let go (I9)', async () => {
    await store.as.curfew_directory.transaction((tx) => apply(tx, { handle: 'ben', version: 10, state: 'left' }, 'hr'));
    await bring(text, 20);
    const [, gone] = await list(store.as.curfew_directory);
    expect(gone).toMatchObject({ handle: 'ben', state: 'left' });
    await bring(text.replace('manager: ada', 'manager: ada, state: active'), 30);
    const [, back] = await list(store.as.curfew_directory);
    expect(back).toMatchObject({ handle: 'ben', state: 'active' });
  });
});

const conflictIssues = (text: string, known: Separation | undefined): readonly string[] => {
  const parsed = parsePeople(text, 'people.yaml', known);
  return parsed.ok
    ? []
    : parsed.issues.map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message}`);
};

describe('conflicts of the policy', () => {
  const both = { name: 'one-hat', groups: ['owners', 'controllers'], never: 'both' } as const;
  const some = { name: 'only-look', groups: ['auditors', 'owners'], never: ['approve'] } as const;
  const policy = { conflicts: [both, some] };

  test('keep a person out of groups in which nobody may be at once, at the place of their groups', () => {
    const text = `people:
  - { handle: ada, name: Ada, email: ada@example.com, groups: [owners, auditors] }
  - handle: ben
    name: Ben
    email: ben@example.com
    groups: [controllers, owners]
`;
    expect(conflictIssues(text, { policy, known: [] })).toEqual([
      '6:13 conflict: ben may not be in owners and controllers at once: the policy\'s conflict "one-hat" forbids it',
    ]);
    expect(conflictIssues(text, undefined)).toEqual([]);
  });

  test('count the groups of all accounts of one human together, once', () => {
    const text = `people:
  - { handle: ada, name: Ada, email: ada@example.com, groups: [owners], aliases: [ada.admin] }
  - { handle: ada.admin, name: Ada, email: adm@example.com, groups: [controllers] }
`;
    expect(conflictIssues(text, { policy, known: [] })).toEqual([
      '2:63 conflict: ada may not be in owners and controllers at once, all accounts together (ada, ada.admin): the policy\'s conflict "one-hat" forbids it',
    ]);
  });

  test('count what the directory says of accounts that the file does not name, and what the file says of those it does', () => {
    const text = 'people:\n  - { handle: ada, name: Ada, email: ada@example.com, groups: [owners] }\n';
    const [id, other] = [personIdFrom('ada'), personIdFrom('ada.admin')];
    const known = [
      { id, handle: 'ada', groups: ['controllers'], aliases: [] },
      { id: other, handle: 'ada.admin', groups: ['controllers'], aliases: [id] },
    ];
    expect(conflictIssues(text, { policy, known })).toHaveLength(1);
    expect(conflictIssues(text, { policy, known: known.slice(0, 1) })).toEqual([]);
  });
});
