-- The record that has a key. ?1 key
SELECT body_hash, coalesce(answer, number), accepted_us FROM record WHERE submission_key = ?1
