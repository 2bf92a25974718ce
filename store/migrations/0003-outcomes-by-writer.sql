-- Each writer's word on an intent stands for itself. Who wrote it is stamped by the server (`written_by`); the reaper
-- goes by its own rows alone, so that a stolen worker's login cannot call ended what is not, and keep it alive (I4, I9).
set local role curfew_store;
alter table curfew.revoke_outcome drop constraint revoke_outcome_pkey;
alter table curfew.revoke_outcome add primary key (intent_id, target, written_by);
