-- Why: each vacuum and each analyze of a table makes every session plan its statements on it anew, which for those of the ledger costs as much as a
--      hundred deliveries do. While the tables are small that was every few seconds in a flood of notices. The ledger's plans go by keys and need no
--      statistics (roles.sql), so they are gathered when much has changed; dead rows are removed some twenty thousand at a time (15 MiB).
-- Locks: SHARE UPDATE EXCLUSIVE on desk.delivery, desk.delivery_attempt and desk.outbox, for a moment: reads and writes go on.
-- Rollout: expand; no statement changes.
SET ROLE meridian_owner;
ALTER TABLE desk.delivery SET (autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
ALTER TABLE desk.delivery_attempt SET (autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
ALTER TABLE desk.outbox SET (autovacuum_vacuum_insert_threshold = 100000, autovacuum_analyze_threshold = 100000);
RESET ROLE;
