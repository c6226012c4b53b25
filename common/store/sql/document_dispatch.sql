-- How a ticket found its agents: to whom it was offered or assigned, among whom, and what came of it, the oldest first; and whom the dispatcher would choose
-- now, while it waits for that. For agents.
-- $1 text number or alias; $2 text time of the last one seen (us), or null; $3 int most rows. No row: unknown, or hidden from the viewer.
WITH t AS MATERIALIZED (
    SELECT x.id, g.mode, x.owner_id IS NULL AND x.offered_to IS NULL AND x.state IN ('new', 'open') AND g.mode <> 'pull' AS waits
    FROM (SELECT id FROM (SELECT id, 1 AS rank FROM desk.ticket WHERE number = $1::text
                          UNION ALL SELECT ticket_id, 2 FROM desk.ticket_alias WHERE number = $1::text) k ORDER BY rank LIMIT 1) k
    JOIN desk.ticket x ON x.id = k.id JOIN desk.team g ON g.id = x.team_id
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
), step AS (
    SELECT o.made_at AS at, o.kind, o.user_id, o.expires_at, o.outcome, o.reason, o.answered_at,
           (SELECT d.candidates FROM desk.dispatch d WHERE d.ticket_id = o.ticket_id AND d.at = o.made_at) AS candidates
    FROM t JOIN desk.offer o ON o.ticket_id = t.id
    UNION ALL
    SELECT d.at, 'assignment', d.user_id, NULL, NULL, NULL, NULL, d.candidates
    FROM t JOIN desk.dispatch d ON d.ticket_id = t.id
    WHERE NOT EXISTS (SELECT FROM desk.offer o WHERE o.ticket_id = d.ticket_id AND o.made_at = d.at)
), page AS (
    SELECT s.* FROM step s WHERE $2::text IS NULL OR s.at > desk.at($2::bigint) ORDER BY s.at LIMIT $3::int + 1
), shown AS (
    SELECT * FROM page ORDER BY at LIMIT $3::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (SELECT desk.us(max(at))::text FROM shown) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT desk.rfc3339(s.at) AS at, s.kind, u.login AS "to", desk.rfc3339(s.expires_at) AS expires_at, s.outcome, s.reason,
               desk.rfc3339(s.answered_at) AS answered_at, s.candidates
        FROM shown s JOIN desk.app_user u ON u.id = s.user_id ORDER BY s.at) i), '[]'),
    'mode', t.mode,
    'now', CASE WHEN t.waits THEN coalesce((SELECT json_agg(desk.candidate_json(c.login, c.affinity, c.speaks, c.load, c.capacity, c.share, c.idle_since) ORDER BY c.rank)
                                            FROM desk.dispatch_candidates(t.id) c WHERE c.rank <= 10), '[]') END)::text
FROM t
