-- A locked ticket is offered to somebody; the unique indexes refuse a second open offer of the ticket, and of the dispatcher to one agent.
-- $1 id (uuid), $2 ticket (uuid), $3 kind (text), $4 to (uuid), $5 at (us), $6 until (us)
INSERT INTO desk.offer (id, ticket_id, kind, user_id, made_at, expires_at)
VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid, desk.at($5::bigint), desk.at($6::bigint))
