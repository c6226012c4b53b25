-- A number that leads to the ticket another number names. Safe to repeat. $1 number (text), $2 ticket (uuid), $3 region (text)
INSERT INTO desk.ticket_alias (number, ticket_id, region) VALUES ($1::text, $2::uuid, $3::text) ON CONFLICT DO NOTHING
