-- Alarms: to whom they went, and how far they escalated.
set local role curfew_store;
