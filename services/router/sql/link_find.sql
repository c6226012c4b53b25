-- What links there are between and around two roots, whose rows are locked. $1 from (uuid), $2 kind (text), $3 to (uuid).
-- Whether they are linked so; how many open links either has at most; whether `to` has a parent.
WITH ends AS MATERIALIZED (
    SELECT ARRAY(SELECT $1::uuid UNION ALL SELECT m.source_id FROM desk.merge m WHERE m.root_id = $1::uuid) AS f,
           ARRAY(SELECT $3::uuid UNION ALL SELECT m.source_id FROM desk.merge m WHERE m.root_id = $3::uuid) AS t
)
SELECT EXISTS (SELECT FROM desk.link l WHERE l.from_id = ANY (e.f) AND l.to_id = ANY (e.t) AND l.kind = $2::text)
       OR $2::text = 'related' AND EXISTS (SELECT FROM desk.link l WHERE l.from_id = ANY (e.t) AND l.to_id = ANY (e.f) AND l.kind = $2::text),
       greatest((SELECT count(l.at) FROM desk.link l WHERE l.from_id = ANY (e.f))
                + (SELECT count(l.at) FROM desk.link l WHERE l.to_id = ANY (e.f)),
                (SELECT count(l.at) FROM desk.link l WHERE l.from_id = ANY (e.t))
                + (SELECT count(l.at) FROM desk.link l WHERE l.to_id = ANY (e.t))),
       (SELECT count(l.at) FROM desk.link l WHERE l.to_id = ANY (e.t) AND l.kind = 'parent_of' AND l.from_id <> ALL (e.t)) > 0
FROM ends e
