-- A page of the timers that are due, in due order, behind a key: those of one's shards, and of any shard what has been due for so long that its holder
-- must be away. Read only: the router acts.
-- $1 bigint fire_at in microseconds (null: from the start), $2 uuid, $3 text name, $4 int limit, $5 bigint shards, a bit each, $6 bigint microseconds.
-- fire_at (us), ticket, name, generation.
SELECT desk.us(fire_at), ticket_id, name, generation FROM desk.timer
WHERE fire_at <= now() AND (desk.shard_held($5::bigint, ticket_id) OR fire_at <= now() - $6::bigint * interval '1 microsecond')
  AND (fire_at, ticket_id, name) > (coalesce(desk.at($1), '-infinity'),
      coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'), coalesce($3::text, ''))
ORDER BY fire_at, ticket_id, name LIMIT $4::int;
