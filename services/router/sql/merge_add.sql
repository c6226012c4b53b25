-- One ticket goes up in another, a root; both are locked. What had gone up in it before leads to the new root from now on.
-- $1 source, $2 root (uuid), $3 was new (bool), $4 at (us), $5 by (uuid). How many replies come with it, and how many are part of the root now.
WITH m AS (
    INSERT INTO desk.merge (source_id, into_id, root_id, was_new, at, by_id)
    VALUES ($1::uuid, $2::uuid, $2::uuid, $3::bool, desk.at($4::bigint), $5::uuid)
), moved AS (
    UPDATE desk.merge o SET root_id = $2::uuid WHERE o.root_id = $1::uuid RETURNING o.source_id
)
SELECT (SELECT count(*) FROM desk.reply y WHERE y.ticket_id = ANY (ARRAY(SELECT v.source_id FROM moved v UNION ALL SELECT $1::uuid))),
       (SELECT count(*) FROM desk.merge o WHERE o.root_id = $2::uuid) + (SELECT count(*) FROM moved) + 1
