-- Live sessions that end after a moment, in order of their ends: new ones end last, so a reader that remembers the latest end finds them.
-- $1 bigint microseconds since 1970; $2 int most rows. Columns as session_lookup, then the token's hash.
SELECT u.id, u.login, u.name, u.role, u.region, u.language,
       coalesce((SELECT array_agg(m.team_id ORDER BY m.team_id) FROM desk.team_member m WHERE m.user_id = u.id), '{}')::text AS teams,
       desk.us(s.expires_at), s.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL AS ended, s.csrf_hash, s.token_hash
FROM desk.session s JOIN desk.app_user u ON u.id = s.user_id
WHERE s.expires_at > desk.at($1::bigint) AND s.expires_at > now()
ORDER BY s.expires_at
LIMIT $2::int
