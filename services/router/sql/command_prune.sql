-- Deletes a small batch of answers older than a day (and an hour, for clients that count generously). Safe to repeat.
-- $1 most rows (int)
DELETE FROM desk.command c WHERE c.ctid = ANY (ARRAY(
    SELECT d.ctid FROM desk.command d WHERE d.created_at < now() - interval '25 hours' ORDER BY d.created_at LIMIT $1::int FOR UPDATE SKIP LOCKED))
