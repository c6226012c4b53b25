-- What the clocks of tickets are folded from, and how they stand: events and clocks as they are at one moment. For agents; of tickets that the viewer sees.
-- In order of their ids. A page is full when it has $2 tickets or half a megabyte, so that it fits into a message of the bus. Of open tickets it looks at
-- 1000 at most to find them; it may then be empty and still have a next one.
-- $1 text id of the last ticket looked at, or null; $2 int most tickets; $3 text true: only tickets that are new, open or pending, null: all.
-- The start is a subquery, because behind row-level security a coalesce() would be a filter and no bound of the index, and each page would read all tickets
-- before it. Events lie between the creation of their ticket and its last change, which leaves out the months that have none of it.
WITH looked AS MATERIALIZED (
    SELECT t.id, t.number, t.state, t.created_at, t.updated_at FROM desk.ticket t
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND t.id > (SELECT coalesce($1::uuid, '00000000-0000-0000-0000-000000000000'))
    ORDER BY t.id LIMIT CASE WHEN $3::text IS NULL THEN $2::int + 1 ELSE 1000 END
), wanted AS MATERIALIZED (
    SELECT l.* FROM looked l WHERE $3::text IS NULL OR l.state IN ('new', 'open', 'pending') ORDER BY l.id LIMIT $2::int + 1
), made AS MATERIALIZED (
    SELECT w.id, json_build_object('number', w.number, 'state', w.state,
        'events', (SELECT json_agg(json_build_object('type', e.type, 'at_us', desk.us(e.at), 'actor', e.actor, 'data', e.data) ORDER BY e.seq)
                   FROM desk.event e WHERE e.ticket_id = w.id AND e.at BETWEEN w.created_at AND w.updated_at),
        'clocks', coalesce((SELECT json_agg(json_build_object('target', c.target, 'cycle', c.cycle, 'state', c.state, 'started_us', desk.us(c.started_at),
                       'target_s', c.target_s, 'warn_percent', c.warn_percent, 'due_us', desk.us(c.due_at), 'warn_us', desk.us(c.warn_at),
                       'remaining_s', c.remaining_s, 'warned_us', desk.us(c.warned_at), 'breached_us', desk.us(c.breached_at),
                       'stopped_us', desk.us(c.stopped_at), 'fire_us', desk.us(c.fire_at)) ORDER BY c.target, c.cycle)
                   FROM desk.clock c WHERE c.ticket_id = w.id), '[]')) AS item
    FROM wanted w
), shown AS MATERIALIZED (
    SELECT s.id, s.item FROM (SELECT m.id, m.item, sum(octet_length(m.item::text)) OVER (ORDER BY m.id) - octet_length(m.item::text) AS before FROM made m) s
    WHERE s.before < 500000 ORDER BY s.id LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM wanted) > (SELECT count(*) FROM shown) THEN (SELECT s.id FROM shown s ORDER BY s.id DESC LIMIT 1)
                 WHEN (SELECT count(*) FROM looked) = 1000 THEN (SELECT l.id FROM looked l ORDER BY l.id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(s.item ORDER BY s.id) FROM shown s), '[]'))::text
