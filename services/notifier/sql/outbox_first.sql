-- The rows that the next batch would take, to find the one that fails. Read only.
-- $1 int limit.
SELECT id FROM desk.outbox ORDER BY id LIMIT $1::int;
