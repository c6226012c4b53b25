-- What the clocks of tickets are folded from, and how they stand: events and clocks as they are at one moment. For agents; of tickets that the viewer sees.
-- $1 text number or alias, null: all tickets, page by page; $2 text id of the last ticket seen, or null; $3 int most tickets; $4 text open: only those with a running
-- or paused clock, null: all.
WITH page AS (
    SELECT t.id, t.number, t.state FROM desk.ticket t
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND t.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
      AND ($1::text IS NULL OR t.id = (SELECT id FROM (SELECT n.id, 1 AS rank FROM desk.ticket n WHERE n.number = $1::text
                                       UNION ALL SELECT a.ticket_id, 2 FROM desk.ticket_alias a WHERE a.number = $1::text) k ORDER BY rank LIMIT 1))
      AND ($4::text IS NULL OR t.state IN ('new', 'open', 'pending'))
    ORDER BY t.id LIMIT $3::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id LIMIT $3::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (SELECT s.id FROM shown s ORDER BY s.id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(json_build_object('number', s.number, 'state', s.state,
        'events', (SELECT json_agg(json_build_object('type', e.type, 'at_us', desk.us(e.at), 'actor', e.actor, 'data', e.data) ORDER BY e.seq)
                   FROM desk.event e WHERE e.ticket_id = s.id),
        'clocks', coalesce((SELECT json_agg(json_build_object('target', c.target, 'cycle', c.cycle, 'state', c.state, 'started_us', desk.us(c.started_at),
                       'target_s', c.target_s, 'warn_percent', c.warn_percent, 'due_us', desk.us(c.due_at), 'warn_us', desk.us(c.warn_at),
                       'remaining_s', c.remaining_s, 'warned_us', desk.us(c.warned_at), 'breached_us', desk.us(c.breached_at),
                       'stopped_us', desk.us(c.stopped_at), 'fire_us', desk.us(c.fire_at)) ORDER BY c.target, c.cycle)
                   FROM desk.clock c WHERE c.ticket_id = s.id), '[]')) ORDER BY s.id) FROM shown s), '[]'))::text
WHERE $1::text IS NULL OR EXISTS (SELECT FROM shown)
