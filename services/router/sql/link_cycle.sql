-- Whether a root is on a circle of links of one kind that has a direction. Merged tickets stand for their roots. Under the lock of link_lock.sql,
-- so that no other link or merge closes it at the same time. Where a ticket was made from leads nowhere: it may be merged into that. $1 root (uuid)
WITH RECURSIVE reach (kind, id) AS (
    SELECT n.kind, n.id
    FROM (SELECT l.kind, coalesce((SELECT m.root_id FROM desk.merge m WHERE m.source_id = l.to_id), l.to_id) AS id
          FROM desk.link l
          WHERE l.from_id = ANY (ARRAY(SELECT $1::uuid UNION ALL SELECT o.source_id FROM desk.merge o WHERE o.root_id = $1::uuid)) AND l.kind NOT IN ('related', 'split_from', 'follow_up_of')) n
    WHERE n.id <> $1::uuid
  UNION
    SELECT r.kind, n.id
    FROM reach r
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT m.root_id FROM desk.merge m WHERE m.source_id = l.to_id), l.to_id) AS id
        FROM desk.link l
        WHERE l.from_id = ANY (ARRAY(SELECT r.id UNION ALL SELECT o.source_id FROM desk.merge o WHERE o.root_id = r.id)) AND l.kind = r.kind
        OFFSET 0) n
    WHERE r.id <> $1::uuid
)
SELECT EXISTS (SELECT FROM reach r WHERE r.id = $1::uuid)
