-- What the clocks of tickets are folded from, and how they stand: events and clocks as they are at one moment. For agents; of tickets that the viewer sees.
-- A page looks at 1000 tickets at most, in order of their ids, and is full when it has $2 or half a megabyte of events, so that it fits into a message of
-- the bus; it may be empty and still have a next one.
-- $1 text id of the last ticket looked at, or null; $2 int most tickets; $3 text true: only tickets that are new, open or pending, null: all.
WITH looked AS MATERIALIZED (
    SELECT t.id, t.number, t.state FROM desk.ticket t
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND t.id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
    ORDER BY t.id LIMIT 1000
), wanted AS MATERIALIZED (
    SELECT l.* FROM looked l WHERE $3::text IS NULL OR l.state IN ('new', 'open', 'pending') ORDER BY l.id LIMIT $2::int + 1
), sized AS (
    SELECT w.*, sum(z.bytes) OVER (ORDER BY w.id) - z.bytes AS before
    FROM wanted w
    CROSS JOIN LATERAL (SELECT coalesce(sum(octet_length(e.data::text) + 200), 0) AS bytes FROM desk.event e WHERE e.ticket_id = w.id) z
), shown AS MATERIALIZED (
    SELECT s.id, s.number, s.state FROM sized s WHERE s.before < 500000 ORDER BY s.id LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM wanted) > (SELECT count(*) FROM shown) THEN (SELECT s.id FROM shown s ORDER BY s.id DESC LIMIT 1)
                 WHEN (SELECT count(*) FROM looked) = 1000 THEN (SELECT l.id FROM looked l ORDER BY l.id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(json_build_object('number', s.number, 'state', s.state,
        'events', (SELECT json_agg(json_build_object('type', e.type, 'at_us', desk.us(e.at), 'actor', e.actor, 'data', e.data) ORDER BY e.seq)
                   FROM desk.event e WHERE e.ticket_id = s.id),
        'clocks', coalesce((SELECT json_agg(json_build_object('target', c.target, 'cycle', c.cycle, 'state', c.state, 'started_us', desk.us(c.started_at),
                       'target_s', c.target_s, 'warn_percent', c.warn_percent, 'due_us', desk.us(c.due_at), 'warn_us', desk.us(c.warn_at),
                       'remaining_s', c.remaining_s, 'warned_us', desk.us(c.warned_at), 'breached_us', desk.us(c.breached_at),
                       'stopped_us', desk.us(c.stopped_at), 'fire_us', desk.us(c.fire_at)) ORDER BY c.target, c.cycle)
                   FROM desk.clock c WHERE c.ticket_id = s.id), '[]')) ORDER BY s.id) FROM shown s), '[]'))::text
