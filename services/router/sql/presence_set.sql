-- Somebody is available, busy, away or offline. Safe to repeat: the same again keeps the time since when.
-- $1 user (uuid), $2 state (text), $3 until (us, null: until told otherwise), $4 reason (text), $5 who says so (text)
INSERT INTO desk.presence AS p (user_id, state, since, said_at, until, reason, said_by)
VALUES ($1::uuid, $2::text, clock_timestamp(), clock_timestamp(), desk.at($3::bigint), $4::text, $5::text)
ON CONFLICT (user_id) DO UPDATE SET
    since = CASE WHEN p.state = excluded.state AND desk.presence_now(p.state, p.until) = p.state THEN p.since ELSE excluded.since END,
    said_at = excluded.said_at, state = excluded.state, until = excluded.until, reason = excluded.reason, said_by = excluded.said_by
RETURNING desk.presence_json(p)::text, (SELECT c.epoch FROM desk.cluster c)
