-- Fires what is due on a locked ticket's clocks before they are paused or stopped, so that a late resolution is a breach even if it
-- comes before the scheduler does. One row per clock: what was written, and the time after it. $1 ticket (uuid), $2 actor (text),
-- $3 the last ordinal that the transaction has used (int)
SELECT desk.sla_fire(n.ticket_id, n.target, n.generation, $2::text, $3::int + n.ordinal::int), desk.us(clock_timestamp())
FROM (SELECT d.ticket_id, d.target, d.generation, row_number() OVER (ORDER BY d.fire_at, d.target) AS ordinal
      FROM (SELECT c.ticket_id, c.target, c.generation, c.fire_at FROM desk.clock c WHERE c.ticket_id = $1::uuid OFFSET 0) d
      WHERE d.fire_at <= clock_timestamp()) n
