-- One clock of a locked ticket as it is now: new, or changed. Its generation rises, so that what was armed for the old one cannot fire.
-- $1 ticket (uuid), $2 target (text), $3 cycle (int), $4 state (text), $5 started (us), $6 allowed seconds (int), $7 warn percent (int), $8 due, $9 warn (us),
-- $10 remaining (int), $11 stopped, $12 fire (us)
INSERT INTO desk.clock AS c (ticket_id, target, cycle, state, started_at, target_s, warn_percent, due_at, warn_at, remaining_s, stopped_at, fire_at)
VALUES ($1::uuid, $2::text, $3::int, $4::text, desk.at($5::bigint), $6::int, $7::int, desk.at($8::bigint), desk.at($9::bigint), $10::int,
        desk.at($11::bigint), desk.at($12::bigint))
ON CONFLICT (ticket_id, target, cycle) DO UPDATE SET
    state = excluded.state, started_at = excluded.started_at, target_s = excluded.target_s, warn_percent = excluded.warn_percent, due_at = excluded.due_at,
    warn_at = excluded.warn_at, remaining_s = excluded.remaining_s, stopped_at = excluded.stopped_at, fire_at = excluded.fire_at,
    generation = c.generation + 1
