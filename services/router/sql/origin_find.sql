-- What a ticket that is made from another one takes over, and the reply that it is made of. $1 ticket (uuid), $2 seq of the reply (int; null: none).
-- Whether its submitter is one of the desk. Of the reply: its text, who said it and when; null when there is none. How many links there are.
SELECT t.subject, t.service, t.language, t.attributes::text, t.channel, t.region, s.role <> 'requester',
       r.body, a.login, desk.us(r.at),
       (SELECT count(*) FROM desk.link l WHERE l.to_id = t.id) + (SELECT count(*) FROM desk.link l WHERE l.from_id = t.id)
FROM desk.ticket t
JOIN desk.app_user s ON s.id = t.submitter_id
LEFT JOIN desk.reply r ON r.ticket_id = t.id AND r.event_seq = $2::int
LEFT JOIN desk.app_user a ON a.id = r.author_id
WHERE t.id = $1::uuid
