-- Takes a due timer of a locked ticket, once: by generation and the database's time. No row: somebody else did, or it was moved or cancelled.
-- $1 ticket (uuid), $2 name (text), $3 generation (int)
DELETE FROM desk.timer r
WHERE r.ticket_id = $1::uuid AND r.name = $2::text AND r.generation = $3::int AND r.fire_at <= clock_timestamp()
RETURNING r.generation
