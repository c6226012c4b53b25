-- The tzdata by which what was stored at an instant was computed. No row: nothing is known of that time. $1 us
SELECT z.version FROM desk.tzdata z WHERE z.seen_at <= desk.at($1::bigint) ORDER BY z.id DESC LIMIT 1
