-- How feeds of holidays are: how many there are, how many failed when they were last tried, how many wait for somebody's review, and how long ago the one
-- that has known nothing new for longest last did (us).
SELECT count(*), count(*) FILTER (WHERE f.error IS NOT NULL), count(*) FILTER (WHERE f.held IS NOT NULL),
       coalesce(max(desk.us(now()) - desk.us(f.succeeded_at)), 0)
FROM desk.calendar_feed f
