-- Takes a row that cannot be expanded out of the way of all behind it: it becomes a dead letter, which somebody sees. Safe to repeat.
-- $1 bigint id, $2 text home region, $3 text reason. One row: how many.
WITH taken AS (
    DELETE FROM desk.outbox WHERE id = $1::bigint RETURNING position, ticket_id, type
), made AS (
    INSERT INTO desk.delivery (id, ticket_id, position, type, channel, region, destination, payload, state, next_at, last_error, finished_at)
    SELECT md5(concat_ws('/', position, 'unexpanded'))::uuid, ticket_id, position, type, 'mail', $2, '(everybody)', '{}', 'dead', NULL,
           'the event could not be expanded: ' || $3, now()
    FROM taken
    ON CONFLICT (id) DO NOTHING
)
SELECT count(*) FROM taken;
