-- One changed clock of a locked ticket, if its generation is still the one that was read.
-- $1 ticket (uuid), $2 target (text), $3 generation read (int), $4 state (text), $5 due, $6 warn (us), $7 remaining (int), $8 stopped, $9 fire (us),
-- $10 new generation (int)
UPDATE desk.clock SET state = $4::text, due_at = desk.at($5::bigint), warn_at = desk.at($6::bigint), remaining_s = $7::int,
    stopped_at = desk.at($8::bigint), fire_at = desk.at($9::bigint), generation = $10::int
WHERE ticket_id = $1::uuid AND target = $2::text AND generation = $3::int
