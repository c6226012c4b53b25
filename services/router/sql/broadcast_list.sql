-- The open children of a root, those of what is part of it counted; merged ones by their roots. $1 root (uuid), $2 most rows (int)
SELECT DISTINCT t.id
FROM desk.link l
CROSS JOIN LATERAL (SELECT coalesce((SELECT m.root_id FROM desk.merge m WHERE m.source_id = l.to_id), l.to_id) AS id OFFSET 0) c
CROSS JOIN LATERAL (SELECT k.id, k.state FROM desk.ticket k WHERE k.id = c.id OFFSET 0) t
WHERE l.from_id = ANY (ARRAY(SELECT $1::uuid UNION ALL SELECT m.source_id FROM desk.merge m WHERE m.root_id = $1::uuid))
  AND l.kind = 'parent_of' AND t.id <> $1::uuid AND t.state IN ('new', 'open', 'pending')
ORDER BY t.id LIMIT $2::int
