-- The rows that the next batch would take, in the order of outbox_expand.sql, to find the one that fails. Read only.
-- $1 int limit, $2 boolean ordinary ones too.
SELECT n.id FROM (
    SELECT u.id FROM (SELECT id FROM desk.outbox WHERE urgent ORDER BY id LIMIT $1::int) u
    UNION ALL
    SELECT o.id FROM (SELECT id FROM desk.outbox WHERE NOT urgent AND $2::boolean ORDER BY id LIMIT $1::int) o) n
LIMIT $1::int;
