-- A ticket that is locked is to be woken: makes its timer of that name, or moves it; no row when it is there with that time. Safe to repeat.
-- $1 ticket (uuid), $2 name (text), $3 at (us), $4 generation: the version of the ticket (int)
INSERT INTO desk.timer (ticket_id, name, fire_at, generation) VALUES ($1::uuid, $2::text, desk.at($3::bigint), $4::int)
ON CONFLICT (ticket_id, name) DO UPDATE SET fire_at = excluded.fire_at, generation = excluded.generation, data = excluded.data
    WHERE timer.fire_at <> excluded.fire_at
RETURNING generation
