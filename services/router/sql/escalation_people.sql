-- Whom an escalation tells of a ticket of this team: those of the logins, and its leads or else the admins if they are meant, who are there, have an
-- address and may see the ticket. Each once, those named first. $1 logins (json array), $2 team (int), $3 the leads too (bool)
WITH named AS (
    SELECT u.login, min(n.ordinality) AS rank FROM json_array_elements_text($1::json) WITH ORDINALITY AS n (login, ordinality)
    JOIN desk.app_user u ON u.login = n.login GROUP BY u.login
), lead AS (
    SELECT u.login FROM desk.team_member m JOIN desk.app_user u ON u.id = m.user_id
    WHERE m.team_id = $2::int AND u.role = 'lead' AND u.disabled_at IS NULL
), meant AS (
    SELECT n.login, n.rank FROM named n
    UNION ALL
    SELECT l.login, NULL FROM lead l WHERE $3::bool AND NOT EXISTS (SELECT FROM named n WHERE n.login = l.login)
    UNION ALL
    SELECT u.login, NULL FROM desk.app_user u
    WHERE $3::bool AND u.role = 'admin' AND NOT EXISTS (SELECT FROM lead) AND NOT EXISTS (SELECT FROM named n WHERE n.login = u.login)
)
SELECT m.login FROM meant m JOIN desk.app_user u ON u.login = m.login JOIN desk.team g ON g.id = $2::int
WHERE u.disabled_at IS NULL AND u.email <> '' AND u.role <> 'requester'
    AND (NOT g.restricted OR u.role = 'admin' OR EXISTS (SELECT FROM desk.team_member t WHERE t.team_id = g.id AND t.user_id = u.id))
ORDER BY m.rank NULLS LAST, m.login
