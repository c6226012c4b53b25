-- The end of a shift has been seen to, unless it is to be looked at again since it was read; and with it those before it, as what was left then is left now.
-- $1 desk (text), $2 when it opened (us), $3 again, as it was read (int)
UPDATE desk.shift SET swept_at = clock_timestamp()
WHERE desk = $1::text AND opens_at <= desk.at($2::bigint) AND coalesce(swept_at, '-infinity') = '-infinity' AND (opens_at < desk.at($2::bigint) OR again = $3::int)
