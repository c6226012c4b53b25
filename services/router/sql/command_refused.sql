-- Remembers a refusal under its key, in the transaction that holds the ticket's lock: a late second delivery must not do what its caller was told had
-- failed. Safe to repeat: the key is unique.
-- $1 user (uuid), $2 key (text), $3 hash (bytea), $4 the refusal as job_recall reads it (text)
INSERT INTO desk.command (user_id, key, body_hash, response) VALUES ($1::uuid, $2::text, $3::bytea, $4::text)
