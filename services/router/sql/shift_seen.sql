-- The end of a shift has been seen to. $1 desk (text), $2 when it opened (us)
UPDATE desk.shift SET swept_at = clock_timestamp() WHERE desk = $1::text AND opens_at = desk.at($2::bigint)
