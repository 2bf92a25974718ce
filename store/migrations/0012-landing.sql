-- How a grant lands, what was cleaned up after it, and a store that came back from a backup.
set local role curfew_store;
