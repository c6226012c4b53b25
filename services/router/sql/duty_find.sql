-- Who is on duty for a team: the schedule and their logins. No row: it names no schedule for that. $1 team (int), $2 main or backup (text)
SELECT n.duty ->> 'schedule', (SELECT coalesce(json_agg(p ->> 'login'), '[]')::text FROM json_array_elements(n.duty -> 'people') p)
FROM (SELECT desk.duty_now($1::int, $2::text) AS duty) n WHERE n.duty IS NOT NULL
