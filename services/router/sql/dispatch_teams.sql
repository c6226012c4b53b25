-- Whether some team dispatches its tickets, and whether somebody is there for one that does.
SELECT d.some, d.some AND EXISTS (SELECT FROM desk.available() a
                                  CROSS JOIN LATERAL (SELECT m.team_id FROM desk.team_member m WHERE m.user_id = a.user_id OFFSET 0) m
                                  JOIN desk.team g ON g.id = m.team_id AND g.mode <> 'pull' AND g.retired_at IS NULL)
FROM (SELECT EXISTS (SELECT FROM desk.team g WHERE g.mode <> 'pull' AND g.retired_at IS NULL) AS some) d
