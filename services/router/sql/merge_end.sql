-- A ticket gets out of its root again, with all that had gone up in it before; both are locked. $1 source (uuid). One row.
WITH RECURSIVE m AS (
    DELETE FROM desk.merge o WHERE o.source_id = $1::uuid RETURNING o.source_id
), below (id) AS (
    SELECT o.source_id FROM desk.merge o WHERE o.into_id = $1::uuid
  UNION
    SELECT n.source_id FROM below b CROSS JOIN LATERAL (SELECT o.source_id FROM desk.merge o WHERE o.into_id = b.id OFFSET 0) n
), moved AS (
    UPDATE desk.merge o SET root_id = $1::uuid WHERE o.source_id = ANY (ARRAY(SELECT b.id FROM below b))
)
SELECT m.source_id FROM m
