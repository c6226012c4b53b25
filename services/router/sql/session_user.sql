-- Who may sign in under a name, and their password hash; no row for unknown and disabled ones. $1 login (text)
SELECT u.id, p.hash FROM desk.app_user u LEFT JOIN desk.user_password p ON p.user_id = u.id
WHERE u.login = $1::text AND u.disabled_at IS NULL
