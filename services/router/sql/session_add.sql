-- A new session; none in a cluster that is older than the caller knows.
-- $1 token hash (bytea), $2 user (uuid), $3 CSRF hash (bytea), $4 seconds it lasts (int), $5 cluster epoch known (bigint)
INSERT INTO desk.session (token_hash, user_id, kind, csrf_hash, expires_at)
SELECT $1::bytea, $2::uuid, 'session', $3::bytea, now() + $4::int * interval '1 second'
FROM desk.cluster c WHERE c.epoch >= $5::bigint
