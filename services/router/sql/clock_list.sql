-- The clocks of a ticket; complete and current only while its row is locked. $1 ticket (uuid)
SELECT c.target, c.cycle, c.state, desk.us(c.started_at), c.target_s, c.warn_percent, desk.us(c.due_at), desk.us(c.warn_at), c.remaining_s,
       desk.us(c.stopped_at), desk.us(c.fire_at)
FROM desk.clock c WHERE c.ticket_id = $1::uuid
