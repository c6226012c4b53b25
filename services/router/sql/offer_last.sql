-- What became of the last offer of a ticket to somebody. $1 ticket (uuid), $2 user (uuid)
SELECT o.outcome, desk.us(o.answered_at) FROM desk.offer o
WHERE o.ticket_id = $1::uuid AND o.user_id = $2::uuid AND o.outcome IS NOT NULL ORDER BY o.made_at DESC LIMIT 1
