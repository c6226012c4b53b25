-- This scheduler lives: its shards for the next seconds, and the database's time. Safe to repeat.
-- $1 text instance, $2 bigint when it had last looked at everything that was due (us, null: not yet), $3 bigint its term (null: it gets one).
-- Term, shards as bits, live copies, the time (us).
SELECT l.term, l.shards, l.live, desk.us(l.at) FROM desk.shards_lease($1::text, desk.at($2::bigint), $3::bigint) l;
