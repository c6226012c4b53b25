-- Rules of zones that routers had, the newest first. For agents. $1 text id of the last one seen, or null; $2 int most rows.
WITH page AS (
    SELECT z.* FROM desk.tzdata z
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') AND ($1::int IS NULL OR z.id < $1::int)
    ORDER BY z.id DESC LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id DESC LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id::text FROM shown ORDER BY id LIMIT 1) END,
    'items', coalesce((SELECT json_agg(json_build_object('version', s.version, 'seen_at', desk.rfc3339(s.seen_at), 'zones', s.zones) ORDER BY s.id DESC) FROM shown s), '[]'))::text
