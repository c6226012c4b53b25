-- The owner of a locked ticket prepares, or writes anew, what is told when their desk closes. Safe to repeat. $1 ticket, $2 owner (uuid), $3 at (us), $4 note (json)
INSERT INTO desk.handover_prepared (ticket_id, owner_id, at, note) VALUES ($1::uuid, $2::uuid, desk.at($3::bigint), $4::json)
ON CONFLICT (ticket_id) DO UPDATE SET owner_id = excluded.owner_id, at = excluded.at, note = excluded.note
