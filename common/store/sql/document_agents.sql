-- Who is in a team, whether they are there, and what they carry, by login. For agents; a restricted team for its members and admins.
-- $1 text team slug; $2 text login of the last one seen, or null; $3 int most rows. No row: no such team, or not one that the viewer may see.
WITH team AS (
    SELECT g.id FROM desk.team g
    WHERE g.slug = $1::text AND g.retired_at IS NULL AND current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND (NOT g.restricted OR g.id = ANY (desk.viewer_teams()) OR current_setting('meridian.kind', true) IN ('admin', 'system'))
), page AS (
    SELECT u.id, u.login, u.name, u.role, a.desk
    FROM team g JOIN desk.team_member m ON m.team_id = g.id JOIN desk.app_user u ON u.id = m.user_id LEFT JOIN desk.agent_desk a ON a.user_id = u.id
    WHERE u.disabled_at IS NULL AND ($2::text IS NULL OR u.login > $2::text)
    ORDER BY u.login LIMIT $3::int + 1
), shown AS (
    SELECT * FROM page ORDER BY login LIMIT $3::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (SELECT max(login) FROM shown) END,
    'items', coalesce((SELECT json_agg(row_to_json(i) ORDER BY i.login) FROM (
        SELECT s.login, s.name, s.role, s.desk, desk.is_awake(s.id) AS on_shift,
               desk.presence_json(p) AS presence, desk.agent_load(s.id) AS load, (SELECT a.capacity FROM desk.agent a WHERE a.user_id = s.id) AS capacity
        FROM shown s LEFT JOIN desk.presence p ON p.user_id = s.id) i), '[]'))::text
WHERE EXISTS (SELECT FROM team)
