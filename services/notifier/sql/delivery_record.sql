-- Records how an attempt ended. The delivery moves only if this process still has it (lease_by and attempts as claimed); a success counts whoever
-- has it now, since the receiver took it. Safe to repeat for a success; for anything else the repetition finds the delivery moved on.
-- $1 uuid, $2 text instance, $3 int attempts as claimed, $4 text new state (delivered, queued, dead, uncertain), $5 bigint wait in microseconds when queued,
-- $6 text outcome of the attempt, $7 text detail, $8 text region that tried. One row: how many deliveries moved.
WITH moved AS (
    UPDATE desk.delivery
    SET state = $4, lease_by = NULL, last_error = CASE WHEN $4 = 'delivered' THEN NULL ELSE $7 END,
        next_at = CASE WHEN $4 = 'queued' THEN now() + $5::bigint * interval '1 microsecond' END,
        finished_at = CASE WHEN $4 = 'queued' THEN NULL ELSE now() END
    WHERE id = $1::uuid
      AND ((state = 'sending' AND lease_by = $2 AND attempts = $3::int) OR ($4 = 'delivered' AND state IN ('queued', 'sending')))
    RETURNING id
), attempt AS (
    INSERT INTO desk.delivery_attempt (delivery_id, attempt, region, outcome, detail)
    SELECT d.id, coalesce((SELECT max(attempt) FROM desk.delivery_attempt a WHERE a.delivery_id = d.id), 0) + 1, $8, $6, $7
    FROM desk.delivery d WHERE d.id = $1::uuid
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM moved;
