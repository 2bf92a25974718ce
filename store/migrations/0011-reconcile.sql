-- What the reconciler found.
set local role curfew_store;
