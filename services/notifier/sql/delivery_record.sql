-- Records how attempts ended, many in one transaction. A delivery moves only if this process still has it (lease_by and attempts as claimed); a success
-- counts whoever has it now, since the receiver took it. Safe to repeat for a success; for anything else the repetition finds the delivery moved on.
-- Both ways to the deliveries are by key whatever the planner knows: a join planned while the table was empty reads all of it, each time.
-- $1 json [{id, attempts as claimed, state: delivered, queued, dead or uncertain, wait_us when queued, outcome and detail of the attempt, region that
-- tried}], $2 text instance. The ids of those that moved.
WITH ended AS MATERIALIZED (
    SELECT e.* FROM json_to_recordset($1::json) AS e (id uuid, attempts int, state text, wait_us bigint, outcome text, detail text, region text)
), moved AS (
    UPDATE desk.delivery d
    SET state = e.state, lease_by = NULL, last_error = CASE WHEN e.state = 'delivered' THEN NULL ELSE e.detail END,
        next_at = CASE WHEN e.state = 'queued' THEN now() + e.wait_us * interval '1 microsecond' END,
        finished_at = CASE WHEN e.state = 'queued' THEN NULL ELSE now() END
    FROM ended e
    WHERE d.id = ANY (ARRAY(SELECT id FROM ended)) AND d.id = e.id
      AND ((d.state = 'sending' AND d.lease_by = $2 AND d.attempts = e.attempts) OR (e.state = 'delivered' AND d.state IN ('queued', 'sending')))
    RETURNING d.id
), attempt AS (
    INSERT INTO desk.delivery_attempt (delivery_id, attempt, region, outcome, detail)
    SELECT e.id, coalesce((SELECT max(attempt) FROM desk.delivery_attempt a WHERE a.delivery_id = e.id), 0) + 1, e.region, e.outcome, e.detail
    FROM ended e WHERE (SELECT true FROM desk.delivery d WHERE d.id = e.id)
    ON CONFLICT DO NOTHING
)
SELECT m.id FROM moved m;
