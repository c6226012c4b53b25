-- What is offered to the viewer now, the oldest first. For agents.
-- $1 text id of the last one seen, or null; $2 int most rows.
WITH page AS (
    SELECT o.* FROM desk.offer o
    WHERE o.user_id = desk.viewer() AND o.outcome IS NULL AND ($1::uuid IS NULL OR o.id > $1::uuid)
    ORDER BY o.id LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id::text FROM shown ORDER BY id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(row_to_json(i) ORDER BY i.id) FROM (
        SELECT s.id, s.kind, t.number, t.subject, t.state, t.priority, g.slug AS team, t.language, desk.rfc3339(s.made_at) AS made_at,
               desk.rfc3339(s.expires_at) AS expires_at, 
               CASE WHEN s.kind = 'handover' THEN desk.handover_pinned(t.id, (SELECT v.language = 'zh' FROM desk.app_user v WHERE v.id = desk.viewer())) END AS handover, t.event_seq AS version
        FROM shown s JOIN desk.ticket t ON t.id = s.ticket_id JOIN desk.team g ON g.id = t.team_id) i), '[]'))::text
