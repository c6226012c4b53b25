-- An internal note, belonging to one event. $1 id (uuid), $2 ticket (uuid), $3 event_seq (int), $4 author (uuid), $5 body (text), $6 at (us)
INSERT INTO desk.note (id, ticket_id, event_seq, author_id, body, at)
VALUES ($1::uuid, $2::uuid, $3::int, $4::uuid, $5::text, desk.at($6::bigint))
