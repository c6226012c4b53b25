-- Links of one ticket, and of those that went up in it, to others that the viewer sees; a merged one is shown as its root, where the viewer sees that.
-- $1 text number or alias. No row: unknown, or hidden from the viewer.
WITH own AS MATERIALIZED (
    SELECT coalesce((SELECT r.id FROM desk.merge m JOIN desk.ticket r ON r.id = m.root_id WHERE m.source_id = k.id), k.id) AS id
    FROM (SELECT id FROM (SELECT id, 1 AS rank FROM desk.ticket WHERE number = $1::text
                          UNION ALL SELECT ticket_id, 2 FROM desk.ticket_alias WHERE number = $1::text) k ORDER BY rank LIMIT 1) k
), mine AS MATERIALIZED (
    SELECT o.id FROM own o UNION ALL SELECT m.source_id FROM own o JOIN desk.merge m ON m.root_id = o.id
), ends AS (
    SELECT desk.link_word(l.kind, false) AS kind, l.to_id AS other_id, l.at, l.by_id FROM mine s JOIN desk.link l ON l.from_id = s.id
    UNION ALL
    SELECT desk.link_word(l.kind, true), l.from_id, l.at, l.by_id FROM mine s JOIN desk.link l ON l.to_id = s.id
), shown AS (
    SELECT DISTINCT ON (e.kind, t.number) e.kind, t.number, t.subject, t.state, e.at, u.login
    FROM ends e
    LEFT JOIN LATERAL (SELECT r.id FROM desk.merge m JOIN desk.ticket r ON r.id = m.root_id WHERE m.source_id = e.other_id) r ON true
    JOIN desk.ticket t ON t.id = coalesce(r.id, e.other_id)
    JOIN desk.app_user u ON u.id = e.by_id
    WHERE t.id NOT IN (SELECT s.id FROM mine s)
    ORDER BY e.kind, t.number, e.at
)
SELECT json_build_object('next', NULL, 'items', coalesce((SELECT json_agg(json_build_object(
    'kind', s.kind, 'number', s.number, 'subject', s.subject, 'state', s.state, 'at', desk.rfc3339(s.at), 'by', s.login) ORDER BY s.kind, s.number)
    FROM shown s), '[]'))::text
FROM own
