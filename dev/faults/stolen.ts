/** What a thief of the worker's credentials would try (I14): each is refused with 42501, whoever asks. */

/** On the store: it writes no request, decision, claim or person, and takes nothing back. */
export const forbiddenOnStore: readonly string[] = [
  `insert into curfew.decision select * from curfew.decision limit 0`,
  `insert into curfew.claim select * from curfew.claim limit 0`,
  `insert into curfew.claim_code (hash) values ('')`,
  `insert into curfew.request select * from curfew.request limit 0`,
  `update curfew.request set plan = '{}'`,
  `update curfew.claim set end_at = 'infinity'`,
  `insert into curfew.person_group (person, name) select id, 'data-owners' from curfew.person`,
  `update curfew.person set state = 'active'`,
  `insert into curfew.policy_version (hash, text) values ('', '')`,
  `insert into curfew.target_check (target, ok, result) values ('orders-prod', true, '{}')`,
  `delete from curfew.revoke_intent`,
  `update curfew.revoke_intent set request_id = null`,
  `delete from curfew.decision_void`,
  `update audit.entry set actor = 'nobody'`,
  `insert into audit.entry (at) values (now())`,
];

/** On the target: it sees no secret, changes no rule, makes no role and touches none. @param role a live one */
export const forbiddenOnTarget = (role: string): readonly string[] => [
  'select * from curfew.ledger',
  'select * from curfew.ticket_key',
  `select curfew.register_template('models_write', interval '1 day')`,
  `select curfew.register_ticket_key('own', '\\x00')`,
  'select curfew.reap()',
  'create role accomplice login',
  'set role curfew_owner',
  `alter role ${role} valid until 'infinity'`,
  `grant models_write to ${role}`,
];
