-- A page of the timers that come due in a span of time, for the wheel; as clock_ahead.
-- $1, $2 bigint after, up to (us), $3 bigint shards, a bit each, $4 int a page.
SELECT desk.us(fire_at), ticket_id, name, generation, desk.us(clock_timestamp()) FROM desk.timer
WHERE fire_at > desk.at($1::bigint) AND fire_at <= desk.at($2::bigint) AND desk.shard_held($3::bigint, ticket_id)
ORDER BY fire_at FETCH FIRST ($4::int) ROWS WITH TIES;
