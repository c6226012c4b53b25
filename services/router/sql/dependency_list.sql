-- What a root depends on and is not solved, with what decides who may know of it. $1 root (uuid)
WITH found AS MATERIALIZED (
    SELECT t.number, t.requester_id, t.submitter_id, t.team_id, t.restricted
    FROM desk.ticket t
    WHERE t.id = ANY (ARRAY(
            SELECT coalesce((SELECT m.root_id FROM desk.merge m WHERE m.source_id = l.to_id), l.to_id)
            FROM desk.link l
            WHERE l.from_id = ANY (ARRAY(SELECT $1::uuid UNION ALL SELECT o.source_id FROM desk.merge o WHERE o.root_id = $1::uuid))
                AND l.kind = 'depends_on'))
        AND t.id <> $1::uuid AND t.state IN ('new', 'open', 'pending')
)
SELECT f.number, f.requester_id, f.submitter_id, f.team_id, f.restricted FROM found f ORDER BY f.number
