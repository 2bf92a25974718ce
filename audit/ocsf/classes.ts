/**
 * The classes of OCSF 1.9.0 that entries of the log become: what happens to a person or to a login is User Management
 * (3007), what happens to anything else Entity Management (3004). User Access Management (3005) and Account Change (3001)
 * are deprecated since 1.9.0 in favour of 3007.
 * https://github.com/ocsf/ocsf-schema: events/iam/user_management.json, events/iam/entity_management.json
 */
export const ocsfVersion = '1.9.0';

/** Identity & Access Management. */
export const category = { uid: 3, name: 'Identity & Access Management' } as const;

const userActivities = {
  Create: 1,
  Update: 2,
  Delete: 3,
  Enable: 4,
  Disable: 5,
  'Assign Privileges': 14,
  'Remove Privileges': 15,
  'Assign Roles': 16,
  'Remove Roles': 17,
} as const;

const entityActivities = {
  Create: 1,
  Read: 2,
  Update: 3,
  Delete: 4,
  Enroll: 6,
  Unenroll: 7,
  Enable: 8,
  Disable: 9,
  Activate: 10,
  Deactivate: 11,
} as const;

export const classes = {
  user: { uid: 3007, name: 'User Management', activities: userActivities },
  entity: { uid: 3004, name: 'Entity Management', activities: entityActivities },
} as const;

export type UserActivity = keyof typeof userActivities;
export type EntityActivity = keyof typeof entityActivities;

/** severity_id; Informational where nothing else is said. */
export const severities = { Informational: 1, Low: 2, Medium: 3, High: 4, Critical: 5 } as const;
export type Severity = keyof typeof severities;
