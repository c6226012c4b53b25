-- The note with which a locked ticket was handed over; the one before it is not pinned any more, as only the last one counts.
-- $1 ticket (uuid), $2 version: the event (int), $3 who owned it, $4 who wrote it, null: nobody (uuid), $5 at (us), $6 note, $7 the same in Chinese, null: (json)
INSERT INTO desk.handover (ticket_id, event_seq, from_id, author_id, at, note, note_zh)
VALUES ($1::uuid, $2::int, $3::uuid, $4::uuid, desk.at($5::bigint), $6::json, $7::json)
