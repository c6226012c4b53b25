-- Fires a batch of due clocks in due order, each by compare-and-set (desk.sla_fire). Safe to repeat: a clock that fired is stale.
-- The batch begins behind the key ($1, $2, $3), so that clocks of locked tickets at the front do not hold up those behind them.
-- $1 bigint fire_at in microseconds (null: from the start), $2 uuid, $3 text target, $4 int limit, $5 text actor, $6 bigint shards, a bit each,
-- $7 bigint only what was due so many microseconds before $8 bigint (us, null: now): a pass ends even if more comes due than it can fire.
-- fire_at, ticket, target of each candidate, outcome of desk.sla_fire, lateness in microseconds, due_at and generation before.
SELECT desk.us(due.fire_at), due.ticket_id, due.target,
       desk.sla_fire(due.ticket_id, due.target, due.generation, $5, due.ordinal::int),
       desk.us(clock_timestamp()) - desk.us(due.fire_at), desk.us(due.due_at), due.generation
FROM (SELECT c.*, row_number() OVER (ORDER BY c.fire_at, c.ticket_id, c.target) AS ordinal
      FROM (SELECT fire_at, ticket_id, target, generation, due_at FROM desk.clock
            WHERE fire_at <= least(now(), desk.at($8::bigint)) - $7::bigint * interval '1 microsecond' AND desk.shard_held($6::bigint, ticket_id)
              AND (fire_at, ticket_id, target) > (coalesce(desk.at($1), '-infinity'),
                  coalesce($2::uuid, '00000000-0000-0000-0000-000000000000'), coalesce($3::text, ''))
            ORDER BY fire_at, ticket_id, target LIMIT $4::int) c
      ORDER BY c.fire_at, c.ticket_id, c.target) due;
