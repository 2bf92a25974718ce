-- Where word on people comes from, and word that takes effect later.
set local role curfew_store;
