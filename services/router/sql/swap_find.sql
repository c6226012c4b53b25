-- A swap by its id, or by who asked and their key. $1 uuid id or null, $2 text asked_by, $3 text key.
-- Id, schedule, from and to (us), who asked, who is asked, state, who decided, and all as the API shows it.
SELECT s.id::text, s.schedule, desk.us(s.from_at), desk.us(s.to_at), s.asked_by, s.partner, s.state, s.decided_by, desk.shift_swap_json(s)::text
FROM desk.shift_swap s
WHERE CASE WHEN $1::uuid IS NULL THEN s.asked_by = $2::text AND s.key = $3::text ELSE s.id = $1::uuid END
