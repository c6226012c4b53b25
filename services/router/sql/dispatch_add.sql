-- Among whom the agent of a locked ticket was chosen. $1 ticket (uuid), $2 version of the ticket: its event (int), $3 who was chosen (uuid), $4 at (us), $5 the candidates (json)
INSERT INTO desk.dispatch (ticket_id, event_seq, user_id, at, candidates) VALUES ($1::uuid, $2::int, $3::uuid, desk.at($4::bigint), $5::json)
