-- Why: the janitor finds the oldest answers by an ordered index instead of reading a day of them; a queue that is empty for a moment keeps
--      its pages, because giving them back takes a lock that stops everybody, here and on the standbys, and plans made while a table has
--      no pages are wrong a minute later.
-- Locks: brief ACCESS EXCLUSIVE on desk.command, desk.ready and desk.outbox.
-- Rollout: expand.

SET ROLE meridian_owner;
DROP INDEX desk.command_age;
CREATE INDEX command_age ON desk.command (created_at);
ALTER TABLE desk.ready SET (vacuum_truncate = off);
ALTER TABLE desk.outbox SET (vacuum_truncate = off);
RESET ROLE;
