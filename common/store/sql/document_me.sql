-- The viewer. No parameters. No row: the account is gone.
SELECT row_to_json(d)::text FROM (
    SELECT u.login, u.name, u.role, u.region, u.language,
           coalesce((SELECT json_agg(t.slug ORDER BY t.slug) FROM desk.team_member m JOIN desk.team t ON t.id = m.team_id WHERE m.user_id = u.id), '[]') AS teams
    FROM desk.app_user u WHERE u.id = desk.viewer() AND u.disabled_at IS NULL) d
