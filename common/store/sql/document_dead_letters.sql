-- Notices that were given up, oldest first. $1 text id of the last one seen, or null; $2 int most rows.
WITH page AS (
    SELECT v.* FROM desk.delivery v WHERE v.state IN ('dead', 'uncertain') AND ($1::uuid IS NULL OR v.id > $1::uuid) ORDER BY v.id LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id::text FROM shown ORDER BY id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT s.id, t.number AS ticket, s.type, s.channel, s.destination, s.region, s.state, s.attempts, s.last_error,
               desk.rfc3339(s.created_at) AS created_at, desk.rfc3339(s.finished_at) AS finished_at
        FROM shown s LEFT JOIN desk.ticket t ON t.id = s.ticket_id ORDER BY s.id) i), '[]'))::text
