-- Why: a notice must not cost more than the ticket it tells of.
--      The foreign key of each attempt was a query per notice, a third of what recording its end cost. Attempts are written by two statements of the
--      notifier alone, both of which read the delivery in the same statement, and nobody deletes deliveries: whoever does one day deletes the attempts first.
--      Each vacuum and each analyze of a table makes every session plan its statements on it anew, which for those of the ledger costs as much as a
--      hundred deliveries do; while the tables are small that was every few seconds in a flood. The ledger's plans go by keys and need no statistics
--      (roles.sql), so they are gathered when much has changed; dead rows are removed some twenty thousand at a time (15 MiB).
-- Locks: brief ACCESS EXCLUSIVE on desk.delivery and desk.delivery_attempt (constraint), SHARE UPDATE EXCLUSIVE on desk.outbox.
-- Rollout: expand; no statement changes.
SET ROLE meridian_owner;
ALTER TABLE desk.delivery_attempt DROP CONSTRAINT delivery_attempt_delivery_id_fkey;
COMMENT ON TABLE desk.delivery_attempt IS 'How each attempt at a delivery ended. Without a foreign key: only the notifier writes it, in statements that read the delivery.';
ALTER TABLE desk.delivery SET (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
ALTER TABLE desk.delivery_attempt SET (autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
ALTER TABLE desk.outbox SET (autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
RESET ROLE;
