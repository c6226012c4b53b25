-- The first due clock behind a key: what a batch of one would fire. Read only; used to step over a clock that cannot fire.
-- $1 bigint fire_at in microseconds (null: from the start), $2 uuid, $3 text target, $4 bigint shards, $5 bigint due so many microseconds before
-- $6 bigint (us, null: now).
SELECT desk.us(fire_at), ticket_id, target FROM desk.clock
WHERE fire_at <= least(now(), desk.at($6::bigint)) - $5::bigint * interval '1 microsecond' AND desk.shard_held($4::bigint, ticket_id)
  AND (fire_at, ticket_id, target) > (coalesce(desk.at($1), '-infinity'),
      coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'), coalesce($3::text, ''))
ORDER BY fire_at, ticket_id, target LIMIT 1;
