-- Stores one accepted submission; nothing happens when its key is there already.
-- ?1 key, ?2 body hash, ?3 number, ?4 accepted (microseconds), ?5 payload, ?6 checksum
INSERT INTO record (submission_key, body_hash, number, accepted_us, payload, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (submission_key) DO NOTHING
