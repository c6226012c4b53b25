-- Shifts that have ended and nobody has seen to, the last of each desk, where a team that the desk serves wants that; and how often they were to be looked at
-- again. A break that is over within two hours is no end.
SELECT s.desk, desk.us(s.opens_at), desk.us(s.closes_at), s.again
FROM desk.shift s
WHERE s.swept_at IS NULL AND s.closes_at <= now()
  AND NOT EXISTS (SELECT FROM desk.shift n WHERE n.desk = s.desk AND n.opens_at >= s.closes_at
                  AND (n.opens_at < s.closes_at + interval '2 hours' OR n.closes_at <= now()) OFFSET 0)
  AND EXISTS (SELECT FROM desk.team g WHERE g.shift_end <> 'keep')
ORDER BY s.closes_at, s.desk LIMIT 10
