-- Ends the links of one kind between two roots, whose rows are locked. $1 from (uuid), $2 kind (text), $3 to (uuid). One row each.
WITH ends AS MATERIALIZED (
    SELECT ARRAY(SELECT $1::uuid UNION ALL SELECT m.source_id FROM desk.merge m WHERE m.root_id = $1::uuid) AS f,
           ARRAY(SELECT $3::uuid UNION ALL SELECT m.source_id FROM desk.merge m WHERE m.root_id = $3::uuid) AS t
)
DELETE FROM desk.link l USING ends e
WHERE l.kind = $2::text AND l.from_id = ANY (e.f || CASE WHEN $2::text = 'related' THEN e.t END) AND l.to_id = ANY (e.t || CASE WHEN $2::text = 'related' THEN e.f END)
    AND (l.from_id = ANY (e.f)) <> (l.to_id = ANY (e.f))
RETURNING l.from_id
