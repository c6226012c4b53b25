-- Gives up what has been due for three days and never had its turn (its destination is dead): a dead letter, visible and replayable.
-- $1 text channel. One row: how many.
WITH late AS (
    SELECT d.id FROM (VALUES (0::smallint), (1::smallint), (2::smallint)) c (class)
    CROSS JOIN LATERAL (
        SELECT id FROM desk.delivery WHERE channel = $1 AND class = c.class AND next_at < now() - interval '3 days'
        ORDER BY next_at LIMIT 500 FOR UPDATE SKIP LOCKED) d
), ended AS (
    UPDATE desk.delivery d SET state = 'dead', next_at = NULL, lease_by = NULL, last_error = 'expired: the destination was dead', finished_at = now()
    FROM late WHERE d.id = late.id AND d.state = 'queued'
    RETURNING d.id
)
SELECT count(*) FROM ended;
