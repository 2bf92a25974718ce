-- Whoever asks for an end wakes the reaper at once, when the transaction that asks is committed. Nothing depends on it: the
-- reaper looks every second all the same. One notice a transaction, however many ends it asks for, and it says nothing.
-- NB. The queue of notices is the whole cluster's: any login may fill it while another one listens and stays in a
-- transaction, and a full one fails whoever notifies, at COMMIT. No end is to fail by that (I17).
set local role curfew_store;
create function curfew.tell_of_intents() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$ begin
  if pg_notification_queue_usage() < 0.5 then perform pg_notify('curfew_asked', ''); end if;
  return null;
end $$;
revoke all on function curfew.tell_of_intents() from public;
create trigger revoke_intent_told after insert on curfew.revoke_intent for each statement execute function curfew.tell_of_intents();
