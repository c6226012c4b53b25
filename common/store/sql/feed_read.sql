-- Events of all tickets after a position, in the order of the feed, up to the horizon: whatever commits later comes behind it.
-- $1 bigint position; $2 int most rows. Read as "system"; the reader hides what its subscribers may not see. The last
-- column is what requesters read instead of the data, where that differs.
SELECT e.position, desk.feed_horizon(), e.type, desk.us(e.at), e.actor, e.public, e.data::text, e.seq, t.number, t.id, t.requester_id, t.submitter_id,
       t.team_id, t.restricted, t.region,
       CASE WHEN e.type = 'ticket.created' THEN desk.event_for_requesters(e.type, e.data)::text END
FROM (SELECT * FROM desk.event WHERE position > $1::bigint AND position < desk.feed_horizon() ORDER BY position LIMIT $2::int) e
JOIN desk.ticket t ON t.id = e.ticket_id
ORDER BY e.position
