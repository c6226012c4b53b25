-- What the auditor sees on a standby: clocks and timers that were due for longer than $1 microseconds and had not fired at the instant up to which
-- this server knows the primary's commits, and since when no scheduler had looked at everything due. Measured against that instant, so that replay lag
-- or a cut link raises no false alarm.
-- Silence and age are in time of the machines: where the time of day goes faster, desk.pace says how much.
-- $1 bigint microseconds. Count (at most 20000), the longest overdue in microseconds, age of what is known in microseconds (null: unknown), how long
-- schedulers have been silent in microseconds (null: unknown).
WITH known AS MATERIALIZED (
    SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE now() END AS at
), late AS (
    (SELECT c.fire_at FROM desk.clock c
     WHERE c.fire_at < (SELECT at FROM known) - $1::bigint * interval '1 microsecond'
     ORDER BY c.fire_at LIMIT 10000)
    UNION ALL
    (SELECT r.fire_at FROM desk.timer r
     WHERE r.fire_at < (SELECT at FROM known) - $1::bigint * interval '1 microsecond'
     ORDER BY r.fire_at LIMIT 10000)
)
SELECT (SELECT count(*) FROM late),
       coalesce((SELECT desk.us(k.at) - desk.us((SELECT min(fire_at) FROM late)) FROM known k), 0),
       (SELECT greatest(0, desk.us(clock_timestamp()) - desk.us(at)) / desk.pace() FROM known),
       (SELECT (desk.us(k.at) - desk.us(coalesce((SELECT max(s.swept_at) FROM desk.scheduler s), (SELECT c.promoted_at FROM desk.cluster c)))) / desk.pace()
        FROM known k);
