-- Announcements of break-glass, and reviews that are owed.
set local role curfew_store;
