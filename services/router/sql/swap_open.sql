-- What somebody asks for and nobody has decided yet: how many, and how many of a schedule that touch a window. $1 text login, $2 text schedule,
-- $3, $4 bigint us: from, to.
SELECT count(*), count(*) FILTER (WHERE s.schedule = $2::text AND s.to_at > desk.at($3::bigint) AND s.from_at < desk.at($4::bigint))
FROM desk.shift_swap s WHERE s.asked_by = $1::text AND s.state = 'asked' AND s.from_at > clock_timestamp()
