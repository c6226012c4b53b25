-- What whoever gets a locked ticket is told when it is taken from its owner, as when their desk closes: what they prepared, else what the record says, in English
-- and Chinese; and who wrote it.
-- $1 ticket (uuid), $2 its owner (uuid)
SELECT coalesce(p.note, d.note)::text, CASE WHEN p.note IS NULL THEN d.note_zh END::text, p.owner_id
FROM (VALUES ($1::uuid)) t (id)
LEFT JOIN LATERAL (SELECT x.note, x.owner_id FROM desk.handover_prepared x WHERE x.ticket_id = t.id AND x.owner_id = $2::uuid) p ON true
LEFT JOIN LATERAL desk.handover_draft(t.id) d ON p.note IS NULL
