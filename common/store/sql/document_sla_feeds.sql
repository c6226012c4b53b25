-- Feeds of holidays and how they are, by name. For agents. $1 text name of the last one seen, or null; $2 int most rows.
WITH page AS (
    SELECT f.* FROM desk.calendar_feed f
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') AND ($1::text IS NULL OR f.name > $1::text)
    ORDER BY f.name LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY name LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT name FROM shown ORDER BY name DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(json_build_object('name', s.name,
        'state', CASE WHEN s.error IS NOT NULL THEN 'failing' WHEN s.held IS NOT NULL THEN 'held' WHEN s.succeeded_at IS NULL THEN 'new' ELSE 'ok' END,
        'url', s.config -> 'url', 'calendars', s.config -> 'calendars', 'every_s', s.config -> 'every_s',
        'tried_at', desk.rfc3339(s.tried_at), 'succeeded_at', desk.rfc3339(s.succeeded_at), 'next_at', desk.rfc3339(s.next_at),
        'failures', s.failures, 'error', s.error, 'held', s.held, 'held_at', desk.rfc3339(s.held_at), 'plan_version', s.plan_version) ORDER BY s.name)
        FROM shown s), '[]'))::text
