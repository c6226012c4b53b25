-- What happened to one ticket, in order; internal events only for agents (row-level security), and what the desk says of its requesters.
-- $1 text number or alias; $2 int seq of the last one seen, or null; $3 int most rows. No row: unknown, or hidden from the viewer.
WITH page AS (
    SELECT e.* FROM desk.event e WHERE e.ticket_id = (SELECT id FROM (SELECT id, 1 AS rank FROM desk.ticket WHERE number = $1::text
        UNION ALL SELECT ticket_id, 2 FROM desk.ticket_alias WHERE number = $1::text) k ORDER BY rank LIMIT 1)
        AND e.seq > coalesce($2::int, 0)
    ORDER BY e.seq
    LIMIT $3::int + 1
), shown AS (
    SELECT * FROM page ORDER BY seq LIMIT $3::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (SELECT max(seq)::text FROM shown) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT s.seq, s.type, desk.rfc3339(s.at) AS at, s.actor, s.public,
            CASE WHEN current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') THEN s.data ELSE desk.event_for_requesters(s.type, s.data) END AS data,
            s.position::text AS position FROM shown s ORDER BY s.seq) i), '[]'))::text
WHERE EXISTS (SELECT FROM desk.ticket WHERE number = $1::text) OR EXISTS (SELECT FROM desk.ticket_alias WHERE number = $1::text)
