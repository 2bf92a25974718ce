/** Holds events against the rules of OCSF: every attribute known, of its type, required ones there, ids with their names. */
import { readFileSync } from 'node:fs';

type Attributes = Readonly<Record<string, string>>;
type Enums = Readonly<Record<string, Readonly<Record<string, string>>>>;
type Shape = { readonly attributes: Attributes; readonly enums?: Enums; readonly at_least_one?: readonly string[] };
type EventClass = Shape & {
  readonly uid: number;
  readonly caption: string;
  readonly category_uid: number;
  readonly category_name: string;
  readonly activities: Readonly<Record<string, string>>;
};
type Rules = {
  readonly version: string;
  readonly types: Readonly<Record<string, { readonly json: string; readonly regex?: string }>>;
  readonly enums: Enums;
  readonly siblings: Readonly<Record<string, string>>;
  readonly objects: Readonly<Record<string, Shape>>;
  readonly classes: readonly EventClass[];
};

const rules = JSON.parse(readFileSync(new URL('rules-1.9.0.json', import.meta.url), 'utf8')) as Rules;

type Json = Readonly<Record<string, unknown>>;

/** Every breach, one sentence each, with its path; none for an event that is as the schema has it. */
export function breaches(event: Json): readonly string[] {
  const of = rules.classes.find(({ uid }) => uid === event.class_uid);
  if (!of) return [`class_uid: ${String(event.class_uid)} is none of the classes that are used`];
  const { uid, caption, category_uid: category, category_name: categoryName, activities } = of;
  const activity = event.activity_id as number;
  const fixed: readonly (readonly [string, unknown])[] = [
    ['category_uid', category],
    ['category_name', categoryName],
    ['class_name', caption],
    ['type_uid', uid * 100 + activity],
    ['type_name', `${caption}: ${activities[String(activity)]}`],
  ];
  const { version } = (event.metadata ?? {}) as Json;
  return [
    ...inObject('', event, { ...of, enums: { ...rules.enums, activity_id: activities } }),
    ...fixed.flatMap(([name, wanted]) => (event[name] === wanted ? [] : [`${name}: ${String(event[name])}`])),
    ...(version === rules.version ? [] : [`metadata.version: ${String(version)}`]),
  ];
}

/** Recommended attributes of its class that an event does not have. */
export const notSaid = (event: Json): readonly string[] =>
  Object.entries(rules.classes.find(({ uid }) => uid === event.class_uid)?.attributes ?? {}).flatMap(([name, rule]) =>
    rule.startsWith('recommended ') && event[name] === undefined ? [name] : [],
  );

function inObject(path: string, value: Json, { attributes, enums = {}, at_least_one: some }: Shape): readonly string[] {
  const missing = Object.entries(attributes).flatMap(([name, rule]) =>
    rule.startsWith('required ') && value[name] === undefined ? [`${path}${name}: is required`] : [],
  );
  const none = some && !some.some((name) => value[name] !== undefined) ? [`${path}: has none of ${some.join()}`] : [];
  return [
    ...missing,
    ...none,
    ...Object.entries(value).flatMap(([name, given]) => inAttribute(`${path}${name}`, given, attributes[name])),
    ...Object.entries(enums).flatMap(([name, captions]) => inEnum(path, name, value, captions)),
  ];
}

function inAttribute(path: string, value: unknown, rule: string | undefined): readonly string[] {
  const [requirement, type = ''] = rule?.split(' ') ?? [];
  if (requirement === undefined) return [`${path}: is no attribute there`];
  if (requirement === 'deprecated') return [`${path}: is deprecated`];
  if (!type.endsWith('[]')) return ofType(path, value, type);
  if (!Array.isArray(value)) return [`${path}: is no array`];
  return value.flatMap((each, index) => ofType(`${path}[${index}]`, each, type.slice(0, -2)));
}

function ofType(path: string, value: unknown, type: string): readonly string[] {
  const scalar = rules.types[type];
  if (scalar) {
    const { json, regex } = scalar;
    const fits = json === 'any' || (json === 'integer' ? Number.isSafeInteger(value) : typeof value === json);
    if (!fits) return [`${path}: is no ${type}`];
    return regex === undefined || new RegExp(regex).test(String(value))
      ? []
      : [`${path}: is not in the form of ${type}`];
  }
  const object = rules.objects[type];
  if (!object) return [`${path}: a ${type} is not among the rules`];
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? inObject(`${path}.`, value as Json, object)
    : [`${path}: is no ${type}`];
}

/** An id is one of the list, and the text beside it is its caption; for Other it is the source's own word. */
function inEnum(
  path: string,
  name: string,
  value: Json,
  captions: Readonly<Record<string, string>>,
): readonly string[] {
  const id = value[name];
  if (id === undefined) return [];
  const caption = captions[JSON.stringify(id)];
  if (caption === undefined) return [`${path}${name}: ${JSON.stringify(id)} is not in its list`];
  const sibling = rules.siblings[name] ?? '';
  const said = value[sibling];
  const right = id === 99 ? typeof said === 'string' && said !== '' : said === undefined || said === caption;
  return right ? [] : [`${path}${sibling}: ${String(said)} is not ${caption}`];
}
