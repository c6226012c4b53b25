-- A feed of holidays of which days came that wait to be judged, locked; none that another router has in hand. No row: there is none.
-- $1 text only those behind this name ("": all). Name, the days (json).
SELECT f.name, f.fetched::text FROM desk.calendar_feed f WHERE f.fetched IS NOT NULL AND f.name > $1::text ORDER BY f.name LIMIT 1
FOR UPDATE SKIP LOCKED
