-- Claimable tickets in the order of claims: priority, then the earliest deadline. Per lane an index range, merged. Of each, whether the viewer may pick it, and what
-- keeps claims of the next one from bringing it: leads and administrators may pick all the same.
-- $1 text team slug, or null: the viewer's teams (for admins without any: all); $2 text "priority:due:id" of the last one seen, or null; $3 int most rows.
-- Of the teams on the page, who is awake. No row: no such team, or not one whose queue the viewer may see.
WITH asked AS (
    SELECT id, slug, claims FROM desk.team
    WHERE CASE WHEN $1::text IS NOT NULL THEN slug = $1::text ELSE true END
        AND (id = ANY (desk.viewer_teams())
             OR current_setting('meridian.kind', true) IN ('admin', 'system') AND ($1::text IS NOT NULL OR cardinality(desk.viewer_teams()) = 0))
), page AS (
    SELECT q.*, a.slug, CASE WHEN l.opened THEN 'anybody' ELSE a.claims END AS claims, l.skills
    FROM asked a JOIN desk.lane l ON l.team_id = a.id CROSS JOIN LATERAL (
        SELECT r.ticket_id, r.priority, r.due_at, r.created_at FROM desk.ready r
        WHERE r.lane_id = l.id AND ($2::text IS NULL OR (r.priority, r.due_at, r.ticket_id)
            > (split_part($2::text, ':', 1)::smallint, desk.at(split_part($2::text, ':', 2)::bigint), split_part($2::text, ':', 3)::uuid))
        ORDER BY r.priority, r.due_at, r.ticket_id
        LIMIT $3::int + 1) q
    ORDER BY q.priority, q.due_at, q.ticket_id
    LIMIT $3::int + 1
), shown AS (
    SELECT p.*, desk.refusal(p.skills, p.priority, p.claims, v.skills, v.awake, v.is_full) AS refusal
    FROM page p CROSS JOIN desk.standing(desk.viewer()) v ORDER BY p.priority, p.due_at, p.ticket_id LIMIT $3::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $3::int THEN (
        SELECT concat_ws(':', priority, desk.us(due_at), ticket_id) FROM shown ORDER BY priority DESC, due_at DESC, ticket_id DESC LIMIT 1) END,
    'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT t.number, t.subject, s.slug AS team, s.priority, t.state, desk.rfc3339(s.due_at) AS due_at, desk.rfc3339(s.created_at) AS created_at,
               extract(epoch FROM now() - s.created_at)::bigint AS age_s, t.region, t.language, desk.skill_map(s.skills) AS skills,
               s.refusal IS NULL OR current_setting('meridian.kind', true) IN ('lead', 'admin') AS may_claim, s.refusal,
               CASE WHEN h.note IS NOT NULL THEN json_build_object('from', h.note -> 'from', 'at', h.note -> 'at', 'next_step', h.note -> 'note' -> 'next_step',
                                                                   'next_step_at', h.note -> 'note' -> 'next_step_at') END AS handover,
               json_build_object('login', u.login, 'name', u.name) AS requester, t.epoch, t.event_seq AS version
        FROM shown s JOIN desk.ticket t ON t.id = s.ticket_id JOIN desk.app_user u ON u.id = t.requester_id
        CROSS JOIN LATERAL desk.handover_pinned(t.id, (SELECT v.language = 'zh' FROM desk.app_user v WHERE v.id = desk.viewer())) h (note)
        ORDER BY s.priority, s.due_at, s.ticket_id) i), '[]'),
    'teams', (SELECT coalesce(json_object_agg(x.slug, desk.team_sun(x.id)), '{}') FROM (SELECT DISTINCT a.slug, a.id FROM asked a JOIN shown s USING (slug)) x))::text
WHERE $1::text IS NULL OR EXISTS (SELECT FROM asked)
