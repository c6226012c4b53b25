-- Whose resolution a link of a mail confirms: the requester, while the signature is right, the time is not over, and the ticket is not part of another one,
-- whose resolution it would be. $1 number (text), $2 epoch (bigint),
-- $3 until when (seconds since 1970), $4 signature (text)
SELECT u.id, u.login, coalesce(u.region, ''), u.name
FROM (SELECT k.id, k.requester_id FROM desk.ticket k WHERE k.number = $1::text OFFSET 0) t JOIN desk.app_user u ON u.id = t.requester_id
WHERE u.disabled_at IS NULL AND (SELECT m.root_id FROM desk.merge m WHERE m.source_id = t.id) IS NULL AND $3::bigint > extract(epoch FROM clock_timestamp())
  AND desk.confirm_signature(t.id, $2::bigint, $3::bigint) = $4::text
