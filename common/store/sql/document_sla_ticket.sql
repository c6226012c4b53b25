-- What the clocks of one ticket are folded from, and how they stand, as an item of document_sla_history. For agents. No row: unknown, or hidden from the viewer.
-- $1 text number or alias.
SELECT json_build_object('next', NULL, 'items', json_build_array(json_build_object('number', t.number, 'state', t.state,
    'events', (SELECT json_agg(json_build_object('type', e.type, 'at_us', desk.us(e.at), 'actor', e.actor, 'data', e.data) ORDER BY e.seq)
               FROM desk.event e WHERE e.ticket_id = t.id),
    'clocks', coalesce((SELECT json_agg(json_build_object('target', c.target, 'cycle', c.cycle, 'state', c.state, 'started_us', desk.us(c.started_at),
                   'target_s', c.target_s, 'warn_percent', c.warn_percent, 'due_us', desk.us(c.due_at), 'warn_us', desk.us(c.warn_at),
                   'remaining_s', c.remaining_s, 'warned_us', desk.us(c.warned_at), 'breached_us', desk.us(c.breached_at),
                   'stopped_us', desk.us(c.stopped_at), 'fire_us', desk.us(c.fire_at)) ORDER BY c.target, c.cycle)
               FROM desk.clock c WHERE c.ticket_id = t.id), '[]'))))::text
FROM desk.ticket t
WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
  AND t.id = (SELECT id FROM (SELECT n.id, 1 AS rank FROM desk.ticket n WHERE n.number = $1::text
                              UNION ALL SELECT a.ticket_id, 2 FROM desk.ticket_alias a WHERE a.number = $1::text) k ORDER BY rank LIMIT 1)
