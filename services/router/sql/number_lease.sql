-- Hands out the next numbers of a region. A repeated request gets another block; numbers are plenty and never used twice. No row: no such
-- region, or the cluster epoch (returned by cluster_epoch.sql) is older than the caller knows.
-- $1 region (text), $2 count (int), $3 instance (text), $4 cluster epoch known (bigint)
WITH r AS (
    UPDATE desk.region SET next_number = next_number + $2::int
    WHERE code = $1::text AND (SELECT c.epoch FROM desk.cluster c) >= $4::bigint
    RETURNING code, next_number - $2::int AS first
)
INSERT INTO desk.number_block (region, first, count, instance) SELECT r.code, r.first, $2::int, $3::text FROM r RETURNING first
