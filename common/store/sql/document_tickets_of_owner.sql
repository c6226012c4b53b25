-- Tickets of one owner, newest first.
-- $1 text id of the last one seen, or null; $2 int most rows; $3 text state; $4 text team slug; $5 smallint priority; $6 text region; $7 boolean owned.
-- $8 text login of the owner; null: the viewer.
WITH page AS (
    SELECT t.* FROM desk.owned w JOIN desk.ticket t ON t.id = w.ticket_id
    WHERE w.owner_id = CASE WHEN $8::text IS NULL THEN desk.viewer() ELSE (SELECT id FROM desk.app_user WHERE login = $8::text) END
        AND ($1::uuid IS NULL OR w.ticket_id < $1::uuid)
        AND ($3::text IS NULL OR t.state = $3::text)
        AND ($4::text IS NULL OR t.team_id = (SELECT id FROM desk.team WHERE slug = $4::text))
        AND ($5::smallint IS NULL OR t.priority = $5::smallint)
        AND ($6::text IS NULL OR t.region = $6::text)
        AND ($7::boolean IS NULL OR (t.owner_id IS NOT NULL) = $7::boolean)
    ORDER BY w.ticket_id DESC
    LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id DESC LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id::text FROM shown ORDER BY id LIMIT 1) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT s.number, s.subject, s.state, s.priority, json_build_object('slug', g.slug, 'name', g.name_en) AS team, s.region, s.language, s.channel,
               json_build_object('login', r.login, 'name', r.name) AS requester,
               CASE WHEN s.owner_id IS NOT NULL THEN json_build_object('login', o.login, 'name', o.name, 'region', s.owner_region) END AS owner,
               s.epoch, s.event_seq AS version, desk.rfc3339(s.accepted_at) AS accepted_at, desk.rfc3339(s.created_at) AS created_at,
               desk.rfc3339(s.updated_at) AS updated_at
        FROM shown s JOIN desk.team g ON g.id = s.team_id JOIN desk.app_user r ON r.id = s.requester_id
        LEFT JOIN desk.app_user o ON o.id = s.owner_id ORDER BY s.id DESC) i), '[]'))::text
