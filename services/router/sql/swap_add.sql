-- Asks. No row: the key is another request's. $1 uuid, $2 text key, $3 text schedule, $4, $5 bigint us: from, to, $6 text login, $7 text partner or null.
INSERT INTO desk.shift_swap AS s (id, key, schedule, from_at, to_at, asked_by, partner)
VALUES ($1::uuid, $2::text, $3::text, desk.at($4::bigint), desk.at($5::bigint), $6::text, $7::text)
ON CONFLICT (asked_by, key) DO NOTHING
RETURNING desk.shift_swap_json(s)::text
