-- A page of the clocks that come due in a span of time, for the wheel. Those of one instant are never parted, so that the next page begins behind the last.
-- $1, $2 bigint after, up to (us), $3 bigint shards, a bit each, $4 int a page.
-- fire_at (us), ticket, target, generation, the time (us).
SELECT desk.us(fire_at), ticket_id, target, generation, desk.us(clock_timestamp()) FROM desk.clock
WHERE fire_at > desk.at($1::bigint) AND fire_at <= desk.at($2::bigint) AND desk.shard_held($3::bigint, ticket_id)
ORDER BY fire_at FETCH FIRST ($4::int) ROWS WITH TIES;
