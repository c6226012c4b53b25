-- Tickets to be dispatched, in claim order: the heads of the lanes for which somebody is there who can do what they need. $1 most rows (int)
WITH lane AS MATERIALIZED (
    SELECT l.id FROM (SELECT g.id FROM desk.team g WHERE g.mode <> 'pull' AND g.retired_at IS NULL OFFSET 0) g
    CROSS JOIN LATERAL (SELECT l.id, l.skills FROM desk.lane l WHERE l.team_id = g.id OFFSET 0) l -- OFFSET 0: by the index of the team, however many lanes there are
    WHERE EXISTS (SELECT FROM desk.team_member m JOIN desk.presence p ON p.user_id = m.user_id
                  WHERE m.team_id = g.id AND desk.presence_now(p.state, p.until) = 'available'
                    AND l.skills <@ coalesce((SELECT a.skills FROM desk.agent a WHERE a.user_id = m.user_id), '{}'))
)
SELECT k.number
FROM lane l
CROSS JOIN LATERAL (SELECT r.ticket_id, r.priority, r.due_at FROM desk.ready r WHERE r.lane_id = l.id
                    ORDER BY r.lane_id, r.priority, r.due_at, r.ticket_id LIMIT 20) q
CROSS JOIN LATERAL (SELECT t.number FROM desk.ticket t WHERE t.id = q.ticket_id OFFSET 0) k
ORDER BY q.priority, q.due_at, q.ticket_id LIMIT $1::int
