-- A locked ticket that was offered waits again: whoever is main on duty was not told while it was offered, and is now, once for a team. Safe to repeat.
-- $1 ticket (uuid), $2 team (int), $3 now (us), $4 generation: the version of the ticket (int). How many timers changed.
WITH made AS (
    INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
    SELECT $1::uuid, d.name, d.fire_at, $4::int FROM desk.duty_timers($2::int, desk.at($3::bigint)) d
    WHERE d.name = 'duty_main' AND NOT EXISTS (
        SELECT FROM desk.event e WHERE e.ticket_id = $1::uuid AND e.type = 'duty.notified' AND e.data ->> 'role' = 'main'
        AND e.data ->> 'team' = (SELECT g.slug FROM desk.team g WHERE g.id = $2::int))
    ON CONFLICT (ticket_id, name) DO NOTHING
    RETURNING name
)
SELECT count(*) FROM made
