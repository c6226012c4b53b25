-- Rules of zones that routers had, the newest first. For agents. A page is full when it has $2 rows or half a megabyte, so that it fits into a message of the
-- bus. $1 text id of the last one seen, or null; $2 int most rows.
WITH page AS MATERIALIZED (
    SELECT z.id, json_build_object('version', z.version, 'seen_at', desk.rfc3339(z.seen_at), 'zones', z.zones) AS item FROM desk.tzdata z
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') AND ($1::int IS NULL OR z.id < $1::int)
    ORDER BY z.id DESC LIMIT $2::int + 1
), shown AS MATERIALIZED (
    SELECT s.id, s.item FROM (SELECT p.*, sum(octet_length(p.item::text)) OVER (ORDER BY p.id DESC) - octet_length(p.item::text) AS before FROM page p) s
    WHERE s.before < 500000 ORDER BY s.id DESC LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > (SELECT count(*) FROM shown) THEN (SELECT s.id::text FROM shown s ORDER BY s.id LIMIT 1) END,
    'items', coalesce((SELECT json_agg(s.item ORDER BY s.id DESC) FROM shown s), '[]'))::text
