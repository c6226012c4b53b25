-- What has happened to a ticket, in order; complete only while its row is locked. $1 ticket (uuid)
SELECT e.type, desk.us(e.at), e.actor, e.data::text FROM desk.event e WHERE e.ticket_id = $1::uuid ORDER BY e.seq
