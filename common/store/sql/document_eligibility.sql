-- Who of a ticket's team may be given it, and what speaks against the others; in the order of their logins. For agents. No row: unknown, or hidden from the viewer.
-- $1 text number or alias; $2 text login of the last one seen, or null; $3 int most rows.
WITH asked AS (
    SELECT t.id, t.number, t.priority, t.language, t.skills, t.team_id, g.slug, CASE WHEN t.opened_to_all THEN 'anybody' ELSE g.claims END AS claims
    FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND t.id = (SELECT id FROM (SELECT n.id, 1 AS rank FROM desk.ticket n WHERE n.number = $1::text
                                  UNION ALL SELECT a.ticket_id, 2 FROM desk.ticket_alias a WHERE a.number = $1::text) k ORDER BY rank LIMIT 1)
), page AS (
    SELECT u.id, u.login, u.name, u.role FROM asked a JOIN desk.team_member m ON m.team_id = a.team_id JOIN desk.app_user u ON u.id = m.user_id
    WHERE u.disabled_at IS NULL AND ($2::text IS NULL OR u.login > $2::text)
    ORDER BY u.login LIMIT $3::int + 1
), shown AS (
    SELECT * FROM page ORDER BY login LIMIT $3::int
)
SELECT json_build_object(
    'number', a.number, 'team', a.slug, 'claims', a.claims, 'priority', a.priority, 'language', a.language, 'skills', desk.skill_map(a.skills),
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (SELECT max(s.login) FROM shown s) END,
    'items', coalesce((SELECT json_agg(jsonb_build_object('login', s.login, 'name', s.name, 'role', s.role) || desk.refusal_facts(s.id, a.id)::jsonb ORDER BY s.login)
                       FROM shown s), '[]'))::text
FROM asked a
