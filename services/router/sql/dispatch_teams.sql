-- Whether some team dispatches its tickets, and whether somebody is there for one that does.
SELECT d.some, d.some AND EXISTS (SELECT FROM desk.presence p WHERE desk.presence_now(p.state, p.until) = 'available'
                                  AND EXISTS (SELECT FROM desk.team_member m JOIN desk.team g ON g.id = m.team_id WHERE m.user_id = p.user_id AND g.mode <> 'pull'))
FROM (SELECT EXISTS (SELECT FROM desk.team g WHERE g.mode <> 'pull' AND g.retired_at IS NULL) AS some) d
