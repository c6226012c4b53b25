-- Deletes a small batch of sessions that ended more than a day ago (until then "expired" is told apart from "unknown"). Safe to repeat.
-- $1 most rows (int)
DELETE FROM desk.session s WHERE s.ctid = ANY (ARRAY(
    SELECT d.ctid FROM desk.session d WHERE d.expires_at < now() - interval '1 day' ORDER BY d.expires_at LIMIT $1::int FOR UPDATE SKIP LOCKED))
