-- For records that did not become tickets: the ticket that their key leads to, and the ticket that their number leads to.
-- $1 the records (json: ordinal, submission_key, number)
SELECT i.ordinal, t.id, t.number, encode(t.body_hash, 'hex'),
       coalesce((SELECT n.id FROM desk.ticket n WHERE n.number = i.number),
                (SELECT a.ticket_id FROM desk.ticket_alias a WHERE a.number = i.number)),
       t.region, desk.us(t.accepted_at)
FROM json_to_recordset($1::json) AS i (ordinal int, submission_key uuid, number text)
LEFT JOIN LATERAL (SELECT k.id, k.number, k.body_hash, k.region, k.accepted_at FROM desk.ticket k WHERE k.submission_key = i.submission_key LIMIT 1) t ON true
