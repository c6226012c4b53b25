-- Where the tickets of a team go that nobody took in time. $1 team (int). No row: nowhere.
SELECT g.overflow_after, o.slug FROM desk.team g LEFT JOIN desk.team o ON o.id = g.overflow_team WHERE g.id = $1::int AND g.overflow_after IS NOT NULL
