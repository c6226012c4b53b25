-- Whom an escalation tells of a ticket of this team: those of the logins, and the team's leads if they are meant, who are there, have an address and may
-- see the ticket. Each once, those named first. $1 logins (json array), $2 team (int), $3 the leads too (bool)
WITH named AS MATERIALIZED (
    SELECT ARRAY(SELECT json_array_elements_text($1::json)) AS logins
), member AS MATERIALIZED (
    SELECT ARRAY(SELECT m.user_id FROM desk.team_member m WHERE m.team_id = $2::int) AS ids
), meant AS (
    SELECT u.*, array_position((SELECT n.logins FROM named n), u.login) AS rank FROM desk.app_user u WHERE u.login = ANY ((SELECT n.logins FROM named n)::text[])
    UNION
    SELECT u.*, array_position((SELECT n.logins FROM named n), u.login) FROM desk.app_user u
    WHERE $3::bool AND u.id = ANY ((SELECT m.ids FROM member m)::uuid[]) AND u.role = 'lead'
)
SELECT u.login FROM meant u
WHERE u.disabled_at IS NULL AND u.email <> '' AND u.role <> 'requester'
    AND (u.role = 'admin' OR u.id = ANY ((SELECT m.ids FROM member m)::uuid[]) OR NOT (SELECT g.restricted FROM desk.team g WHERE g.id = $2::int))
ORDER BY u.rank NULLS LAST, u.login
