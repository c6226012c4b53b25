-- Somebody by login, and whether they are in a team. $1 login (text), $2 team (int)
SELECT u.id, u.login, u.region, u.role, u.disabled_at IS NOT NULL,
       EXISTS (SELECT FROM desk.team_member m WHERE m.user_id = u.id AND m.team_id = $2::int)
FROM desk.app_user u WHERE u.login = $1::text
