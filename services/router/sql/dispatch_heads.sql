-- Tickets to be dispatched, in claim order: heads of lanes that somebody is there for, each with somebody to whom it was not given before. Each team has its
-- turn: the first of every team, then the second of every team, until there are enough. $1 most rows (int)
WITH there AS MATERIALIZED (
    SELECT a.user_id, s.skills, s.awake, s.is_full, desk.is_at_home(a.user_id) AS at_home
    FROM desk.available() a CROSS JOIN LATERAL desk.standing(a.user_id) s
    WHERE NOT EXISTS (SELECT FROM desk.offer o WHERE o.user_id = a.user_id AND o.outcome IS NULL AND o.kind = 'offer' OFFSET 0)
      AND EXISTS (SELECT FROM desk.team_member m JOIN desk.team g ON g.id = m.team_id WHERE m.user_id = a.user_id AND g.mode <> 'pull' AND g.retired_at IS NULL OFFSET 0)
      AND EXISTS (SELECT FROM desk.app_user u WHERE u.id = a.user_id AND u.disabled_at IS NULL OFFSET 0) -- OFFSET 0: each by an index, however many there are
), lane AS MATERIALIZED (
    SELECT l.id, g.id AS team_id, g.mode, array_agg(t.user_id) AS urgent,
           coalesce(array_agg(t.user_id) FILTER (WHERE NOT t.at_home
               AND desk.refusal('{}', 4, CASE WHEN l.opened THEN 'anybody' ELSE g.claims END, '{}', t.awake, t.is_full) IS NULL), '{}') AS usual -- the skills are there
    FROM there t
    CROSS JOIN LATERAL (SELECT m.team_id FROM desk.team_member m WHERE m.user_id = t.user_id OFFSET 0) m
    JOIN desk.team g ON g.id = m.team_id AND g.mode <> 'pull' AND g.retired_at IS NULL
    CROSS JOIN LATERAL (SELECT l.id, l.opened FROM desk.lane l WHERE l.team_id = g.id AND l.skills <@ t.skills OFFSET 0) l
    GROUP BY l.id, g.id, g.mode
), head AS (
    SELECT q.*, row_number() OVER (PARTITION BY l.team_id ORDER BY q.priority, q.due_at, q.ticket_id) AS place
    FROM lane l
    CROSS JOIN LATERAL (
        SELECT r.ticket_id, r.priority, r.due_at FROM desk.ready r
        WHERE r.lane_id = l.id AND r.priority <= CASE WHEN l.usual = '{}' THEN 1 ELSE 4 END
          AND NOT EXISTS (SELECT FROM desk.timer w WHERE w.ticket_id = r.ticket_id AND w.name = 'overflow' AND w.fire_at <= now() OFFSET 0) -- it is to leave
          AND EXISTS (SELECT FROM unnest(CASE WHEN r.priority = 1 THEN l.urgent ELSE l.usual END) u (id)
                      WHERE NOT EXISTS (SELECT FROM desk.dispatch d WHERE d.ticket_id = r.ticket_id AND d.user_id = u.id OFFSET 0)
                        AND u.id <> ALL (desk.turned_down(r.ticket_id)) OFFSET 0)
        ORDER BY r.lane_id, r.priority, r.due_at, r.ticket_id LIMIT CASE WHEN l.mode = 'offer' THEN least(20, 2 * cardinality(l.urgent)) ELSE 20 END) q -- nobody is offered two at once
), chosen AS (
    SELECT h.ticket_id, h.priority, h.due_at FROM head h ORDER BY h.place, h.priority, h.due_at, h.ticket_id LIMIT $1::int
)
SELECT k.number
FROM chosen c CROSS JOIN LATERAL (SELECT t.number FROM desk.ticket t WHERE t.id = c.ticket_id OFFSET 0) k
ORDER BY c.priority, c.due_at, c.ticket_id
