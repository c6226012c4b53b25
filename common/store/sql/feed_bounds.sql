-- Where the feed is now; when the first event after a position happened (null: there is none), which may be too long ago; and whether an event at or
-- before the position is still here: without one nobody can say that nothing was missed.
-- $1 bigint position.
SELECT desk.feed_horizon(), (SELECT desk.us(e.at) FROM desk.event e WHERE e.position > $1::bigint ORDER BY e.position LIMIT 1),
       EXISTS (SELECT FROM desk.event e WHERE e.position <= $1::bigint)
