-- What rests on the approval of somebody who left, and what a mover may keep.
set local role curfew_store;
