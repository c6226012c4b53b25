-- The user behind a token, live or not; the caller judges. $1 bytea SHA-256 of the token. No row: unknown here (yet).
SELECT u.id, u.login, u.name, u.role, u.region, u.language,
       coalesce((SELECT array_agg(m.team_id ORDER BY m.team_id) FROM desk.team_member m WHERE m.user_id = u.id), '{}')::text AS teams,
       desk.us(s.expires_at), s.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL AS ended, s.csrf_hash
FROM desk.session s JOIN desk.app_user u ON u.id = s.user_id
WHERE s.token_hash = $1::bytea
