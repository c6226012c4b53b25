-- What ends with a change of a locked ticket: what its owner has prepared, when they own it no more; the pinned note, when it is solved or cancelled.
-- Safe to repeat. $1 ticket (uuid), $2 another owner, or none (bool), $3 solved or cancelled (bool), $4 at (us)
WITH gone AS (
    DELETE FROM desk.handover_prepared p WHERE p.ticket_id = $1::uuid AND $2::bool
)
UPDATE desk.handover h SET done_at = desk.at($4::bigint) WHERE h.ticket_id = $1::uuid AND $3::bool AND h.done_at IS NULL
