-- Fires the clocks that the wheel says are due, in its order, each by compare-and-set (desk.sla_fire). Safe to repeat: a clock that fired is stale.
-- $1 uuid[] tickets, $2 text[] targets, $3 int[] generations, $4 bigint[] fire_at in microseconds, $5 text actor.
-- The columns of clock_fire. Of a target's cycles only the last one may have something to fire.
SELECT n.fire_us, n.ticket, n.target, desk.sla_fire(n.ticket, n.target, n.generation, $5::text, n.ordinal::int),
       desk.us(clock_timestamp()) - n.fire_us,
       (SELECT desk.us(c.due_at) FROM desk.clock c WHERE c.ticket_id = n.ticket AND c.target = n.target AND c.fire_at IS NOT NULL), n.generation
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::bigint[]) WITH ORDINALITY AS n (ticket, target, generation, fire_us, ordinal);
