-- A link between two tickets whose rows are locked. Safe to repeat: the command's key is.
-- $1 from (uuid), $2 kind (text), $3 to (uuid), $4 at (us), $5 by (uuid), $6 the reply that it was split from (int)
INSERT INTO desk.link (from_id, kind, to_id, at, by_id, reply_seq) VALUES ($1::uuid, $2::text, $3::uuid, desk.at($4::bigint), $5::uuid, $6::int)
