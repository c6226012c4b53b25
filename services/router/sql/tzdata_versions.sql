-- The versions of tzdata that live instances have, and how many instances have each. No parameters.
SELECT n.stats ->> 'tzdata', count(*) FROM desk.instance n
WHERE desk.is_alive(n.seen_at) AND n.stats ->> 'tzdata' IS NOT NULL GROUP BY 1 ORDER BY 1
