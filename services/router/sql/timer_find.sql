-- The ticket of a timer that may be due, by its number, locked for the rest of the transaction; null when somebody else has it locked, which is not
-- waited for; no row when the timer is gone, of another generation or early. Only a look: timer_take decides.
-- $1 ticket (uuid), $2 name (text), $3 generation (int)
SELECT t.number FROM desk.timer r LEFT JOIN LATERAL (SELECT l.number FROM desk.ticket l WHERE l.id = r.ticket_id FOR UPDATE SKIP LOCKED) t ON true
WHERE r.ticket_id = $1::uuid AND r.name = $2::text AND r.generation = $3::int AND r.fire_at <= clock_timestamp()
