-- Ends a session. Safe to repeat. $1 token hash (bytea)
UPDATE desk.session SET revoked_at = now() WHERE token_hash = $1::bytea AND revoked_at IS NULL
