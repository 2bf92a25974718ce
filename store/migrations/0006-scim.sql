-- SCIM: tokens, groups, and which source put whom into a group.
set local role curfew_store;
