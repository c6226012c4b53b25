-- Which of these submission keys have made tickets. $1 uuid[] keys. Rows: place in the array from 1, number, body hash, region, accepted at (microseconds).
SELECT u.n, k.number, k.body_hash, k.region, desk.us(k.accepted_at)
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (key, n) CROSS JOIN LATERAL desk.submission_known(u.key) k
