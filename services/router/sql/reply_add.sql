-- A public message, belonging to one event. $1 id (uuid), $2 ticket (uuid), $3 event_seq (int), $4 author (uuid), $5 from the requester (bool),
-- $6 body (text), $7 at (us)
INSERT INTO desk.reply (id, ticket_id, event_seq, author_id, from_requester, body, at)
VALUES ($1::uuid, $2::uuid, $3::int, $4::uuid, $5::bool, $6::text, desk.at($7::bigint))
