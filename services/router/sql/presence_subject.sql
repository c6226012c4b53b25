-- Whose presence is to be set: one who works at the desk, a row for each of their teams; one without a team when they have none. $1 login (text)
SELECT u.id, m.team_id FROM desk.app_user u LEFT JOIN desk.team_member m ON m.user_id = u.id
WHERE u.login = $1::text AND u.disabled_at IS NULL AND u.role <> 'requester'
