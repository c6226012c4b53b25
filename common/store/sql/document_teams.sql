-- The teams of the organisation, who is awake for them and who is on duty; restricted ones only for their members and admins. No parameters.
SELECT json_build_object('next', NULL, 'items', coalesce((SELECT json_agg(row_to_json(i)) FROM (
    SELECT t.slug, t.name_en, t.name_zh, t.tier, t.restricted, t.id = ANY (desk.viewer_teams()) AS member, t.minimum, desk.team_sun(t.id) AS sun, desk.team_duty(t.id) AS on_duty
    FROM desk.team t
    WHERE t.retired_at IS NULL AND (NOT t.restricted OR t.id = ANY (desk.viewer_teams()) OR current_setting('meridian.kind', true) IN ('admin', 'system'))
    ORDER BY t.slug) i), '[]'))::text
