-- A locked ticket reached another team: arms and cancels what tells those on duty there. Safe to repeat.
-- $1 ticket (uuid), $2 team, null: somebody owns it (int), $3 now (us), $4 generation: the version of the ticket (int). How many timers changed.
WITH wanted AS MATERIALIZED (
    SELECT d.name, d.fire_at FROM desk.duty_timers($2::int, desk.at($3::bigint)) d
), gone AS (
    DELETE FROM desk.timer r WHERE r.ticket_id = $1::uuid AND r.name IN ('duty_main', 'duty_backup') AND r.name NOT IN (SELECT w.name FROM wanted w)
    RETURNING r.name
), made AS (
    INSERT INTO desk.timer (ticket_id, name, fire_at, generation) SELECT $1::uuid, w.name, w.fire_at, $4::int FROM wanted w
    ON CONFLICT (ticket_id, name) DO UPDATE SET fire_at = excluded.fire_at, generation = excluded.generation, data = excluded.data
    RETURNING name
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM made)
