-- Whether the viewer takes offers. For agents. No parameters. No row: the viewer is none.
SELECT desk.presence_json(p)::text
FROM desk.app_user u LEFT JOIN desk.presence p ON p.user_id = u.id
WHERE u.id = desk.viewer() AND current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin')
