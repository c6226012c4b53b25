-- Records in order of acceptance. ?1 after this seq, ?2 most rows
SELECT seq, submission_key, body_hash, number, accepted_us, payload, checksum FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2
