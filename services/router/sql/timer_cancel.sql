-- A ticket that is locked need not be woken any more. Safe to repeat. $1 ticket (uuid), $2 name (text)
DELETE FROM desk.timer r WHERE r.ticket_id = $1::uuid AND r.name = $2::text RETURNING r.generation
