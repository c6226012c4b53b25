-- A feed of holidays of which days came that wait to be judged. No row: there is none. $1 text only those behind this name ("": all).
-- Name, the days (json), number of the attempt that brought them, how many versions of the plan it has made within a day.
SELECT f.name, f.fetched::text, f.attempt, (SELECT count(*) FROM unnest(f.made) m WHERE m > now() - interval '1 day')
FROM desk.calendar_feed f WHERE f.fetched IS NOT NULL AND f.name > $1::text ORDER BY f.name LIMIT 1
