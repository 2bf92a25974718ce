-- Who may do what in the store. One login a process; the catalogs are held against test/golden/store-privileges.json,
-- and each login is tried at what it must not do. NB. Nobody is granted UPDATE or DELETE on history, and columns that
-- say who wrote a row and when (`default session_user`, `default clock_timestamp()`) are nobody's to fill in.
set local role curfew_store;
grant usage on schema curfew to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_reaper, curfew_auditor;
grant usage on schema audit to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_reaper, curfew_auditor;
grant execute on function audit.append(text, text, text, bytea)
  to curfew_api, curfew_directory, curfew_admin, curfew_worker, curfew_reaper;

-- HTTP and Slack: opens, decides, claims, ends. Never a grant, never a receipt.
grant select on curfew.personal, curfew.person, curfew.person_group, curfew.person_alias, curfew.policy_version,
  curfew.target_check, curfew.request, curfew.projection, curfew.decision, curfew.decision_void, curfew.claim_code,
  curfew.claim, curfew.access_grant, curfew.receipt, curfew.revoke_intent, curfew.revoke_outcome, curfew.review,
  curfew.delivery, curfew.outbox, curfew.slack_message, curfew.heartbeat, curfew.alarm to curfew_api;
grant insert on curfew.request, curfew.projection, curfew.decision, curfew.claim_code, curfew.claim, curfew.review
  to curfew_api;
grant insert (kind, id, person, body, salt) on curfew.personal to curfew_api;
grant update (version, state, outcome, view, end_at, changed_at) on curfew.projection to curfew_api;
grant update (replaced_at, used_at) on curfew.claim_code to curfew_api;
grant update (answer, received_at) on curfew.delivery to curfew_api;
grant update (attempts, next_at, last_error, done_at) on curfew.outbox to curfew_api;

-- HR hooks and imports: people and what follows from them. Never a request, never a decision.
grant select, insert on curfew.person to curfew_directory;
grant update (state, kind, manager, version, changed_at) on curfew.person to curfew_directory;
grant select, insert on curfew.person_word to curfew_directory;
grant update (version, state) on curfew.person_word to curfew_directory;
grant select, insert, delete on curfew.personal to curfew_directory;
grant update (name, email) on curfew.personal to curfew_directory;
grant select, insert, delete on curfew.person_group, curfew.person_alias to curfew_directory;
grant select on curfew.request, curfew.projection, curfew.decision, curfew.decision_void, curfew.access_grant,
  curfew.policy_version, curfew.revoke_intent, curfew.revoke_outcome, curfew.delivery, curfew.outbox, curfew.alarm
  to curfew_directory;
grant update (answer, received_at) on curfew.delivery to curfew_directory;
grant update (attempts, next_at, last_error, done_at) on curfew.outbox to curfew_directory;

-- The operator's commands: policy, targets, links; reads what `curfew doctor` needs.
grant select on curfew.person, curfew.person_word, curfew.person_group, curfew.person_alias, curfew.personal, curfew.policy_version,
  curfew.target_check, curfew.request, curfew.projection, curfew.decision, curfew.decision_void, curfew.access_grant,
  curfew.receipt, curfew.revoke_intent, curfew.revoke_outcome, curfew.review, curfew.outbox, curfew.heartbeat,
  curfew.alarm, audit.entry to curfew_admin;
grant select (request_id, credential_id, ticket_key, end_at, accepted_at) on curfew.claim to curfew_admin;
grant insert (hash, text) on curfew.policy_version to curfew_admin;
grant insert (target, ok, result) on curfew.target_check to curfew_admin;

-- The Temporal worker: grants, receipts, projections, outcomes. Reads decisions and claims, never writes them.
grant select on curfew.personal, curfew.person, curfew.person_group, curfew.person_alias, curfew.policy_version,
  curfew.target_check, curfew.request, curfew.projection, curfew.decision, curfew.decision_void, curfew.claim,
  curfew.access_grant, curfew.receipt, curfew.revoke_intent, curfew.revoke_outcome, curfew.review, curfew.outbox,
  curfew.slack_message, curfew.heartbeat, curfew.alarm to curfew_worker;
grant insert on curfew.projection, curfew.access_grant, curfew.receipt, curfew.heartbeat to curfew_worker;
grant insert (request_id, slot, channel, ts, painted) on curfew.slack_message to curfew_worker;
grant update (version, state, outcome, view, end_at, changed_at) on curfew.projection to curfew_worker;
grant update (ended_at) on curfew.access_grant to curfew_worker;
grant update (attempts, next_at, last_error, done_at) on curfew.outbox to curfew_worker;
grant update (channel, ts, painted, posted_at) on curfew.slack_message to curfew_worker;
grant update (at, body) on curfew.heartbeat to curfew_worker;
grant update (resolved_at) on curfew.alarm to curfew_worker;

-- The reaper: reads what must end and what is known to be live; writes what it did.
grant select on curfew.revoke_intent, curfew.revoke_outcome, curfew.access_grant, curfew.heartbeat, curfew.alarm to curfew_reaper;
grant insert on curfew.heartbeat to curfew_reaper;
grant update (at, body) on curfew.heartbeat to curfew_reaper;
grant update (resolved_at) on curfew.alarm to curfew_reaper;

-- What several of them add.
grant insert (decision_id, cause, actor) on curfew.decision_void to curfew_api, curfew_directory, curfew_worker;
grant insert (id, request_id, target, person, actor, cause) on curfew.revoke_intent
  to curfew_api, curfew_directory, curfew_worker;
grant insert (intent_id, target, evidence) on curfew.revoke_outcome to curfew_worker, curfew_reaper;
grant insert (source, key) on curfew.delivery to curfew_api, curfew_directory;
grant insert (kind, key, payload, next_at) on curfew.outbox to curfew_api, curfew_directory, curfew_worker;
grant insert (key, code, subject, detail) on curfew.alarm to curfew_api, curfew_directory, curfew_worker, curfew_reaper;

-- The auditor: everything that is no secret.
grant select on curfew.personal, curfew.person, curfew.person_word, curfew.person_group, curfew.person_alias, curfew.policy_version,
  curfew.target_check, curfew.request, curfew.projection, curfew.decision, curfew.decision_void, curfew.access_grant,
  curfew.receipt, curfew.revoke_intent, curfew.revoke_outcome, curfew.review, curfew.heartbeat, curfew.alarm,
  audit.entry, audit.kind to curfew_auditor;
grant select (request_id, credential_id, ticket_key, end_at, accepted_at) on curfew.claim to curfew_auditor;
grant select (request_id, person, minted_at, expires_at, replaced_at, used_at) on curfew.claim_code to curfew_auditor;
