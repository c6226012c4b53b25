-- Sets a record aside, as it is. ?1 seq, ?2 now (microseconds), ?3 reason
INSERT OR REPLACE INTO dead (seq, at_us, reason, submission_key, body_hash, number, accepted_us, payload, checksum)
SELECT seq, ?2, ?3, submission_key, body_hash, number, accepted_us, payload, checksum FROM record WHERE seq = ?1
