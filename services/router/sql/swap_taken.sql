-- The swaps of a schedule that were taken and touch a window, in the order in which they were agreed. $1 text schedule, $2, $3 bigint us: from, to.
-- From and to (us), who gives, who takes.
SELECT desk.us(s.from_at), desk.us(s.to_at), s.asked_by, s.decided_by
FROM desk.shift_swap s
WHERE s.schedule = $1::text AND s.to_at > desk.at($2::bigint) AND s.from_at < desk.at($3::bigint) AND s.state = 'taken'
ORDER BY s.decided_at, s.id
