-- Locks a feed of holidays of which the days of this attempt still wait to be judged. No row: they do not any more, or another router has them in hand.
-- $1 text name, $2 bigint attempt. The version of the plan in force.
SELECT (SELECT max(p.version) FROM desk.sla_plan p) FROM desk.calendar_feed f
WHERE f.name = $1::text AND f.attempt = $2::bigint AND f.fetched IS NOT NULL FOR UPDATE OF f SKIP LOCKED
