-- Decides what nobody has decided. No row: somebody has. $1 uuid, $2 text state, $3 text login.
UPDATE desk.shift_swap s SET state = $2::text, decided_by = $3::text, decided_at = clock_timestamp()
WHERE s.id = $1::uuid AND s.state = 'asked'
RETURNING desk.shift_swap_json(s)::text
