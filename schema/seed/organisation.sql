-- The organisation of the demo: three desks that follow the sun, open every day, what their agents know and speak, whom the requesters work for, and what the tables
-- before say. Safe to repeat.
WITH desk_hours (name, region, zone, opens, closes) AS (
    VALUES ('shanghai', 'ap', 'Asia/Shanghai', '09:00', '18:00'), ('stockholm', 'eu', 'Europe/Stockholm', '08:00', '17:00'),
           ('new-york', 'us', 'America/New_York', '08:00', '21:00')
), document (d) AS MATERIALIZED (
SELECT json_build_object(
    'desks', (SELECT json_object_agg(d.name, json_build_object('region', d.region, 'hours', json_build_object('zone', d.zone, 'weekly',
                  (SELECT json_object_agg(w.day, json_build_array(json_build_array(d.opens, d.closes)))
                   FROM unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) w (day))))) FROM desk_hours d),
    'teams', (SELECT json_object_agg(g.slug, json_strip_nulls(json_build_object(
                  'title', json_build_object('en', g.name_en, 'zh', g.name_zh), 'tier', g.tier, 'restricted', CASE WHEN g.restricted THEN true END,
                  'desks', CASE WHEN g.slug = 'experts' THEN '["stockholm"]'::json ELSE (SELECT json_agg(d.name) FROM desk_hours d) END,
                  'minimum', CASE WHEN g.tier = 1 THEN 4 ELSE 1 END)) ORDER BY g.id) FROM desk.team g),
    'default_team', 'service-desk',
    'agents', (SELECT json_object_agg(a.login, json_strip_nulls(json_build_object('desk', a.desk, 'teams', a.teams, 'languages', a.languages, 'skills',
                      -- everybody can do what the services below need; some can do more
                      CASE WHEN a.place IS NOT NULL THEN json_build_object('vpn', 1 + a.place % 3, CASE WHEN a.place % 2 = 0 THEN 'linux' ELSE 'erp' END, 2 + a.place % 2) END)) ORDER BY a.login)
               FROM (SELECT u.login, (SELECT d.name FROM desk_hours d WHERE d.region = u.region) AS desk, json_agg(g.slug ORDER BY g.id) AS teams,
                            substring(u.login FROM '^agent-.*-(\d+)$')::int AS place, CASE WHEN u.region = 'ap' THEN '["zh", "en"]'::jsonb ELSE '["en"]' END AS languages
                     FROM desk.team_member m JOIN desk.app_user u ON u.id = m.user_id JOIN desk.team g ON g.id = m.team_id GROUP BY u.login, u.region) a),
    'customers', '{"harbour": {"title": "Harbour Logistics", "tier": "strategic", "contract": "gold"}, "meadow": {"title": "Meadow Foods", "tier": "standard"}}'::json,
    'requesters', (SELECT json_object_agg(u.login, json_build_object('customer', CASE WHEN u.login ~ '9$' THEN 'harbour' ELSE 'meadow' END, 'site', d.name, 'zone', d.zone) ORDER BY u.login)
                   FROM desk.app_user u JOIN desk_hours d ON d.region = u.region WHERE u.role = 'requester' AND u.login ~ '[789]$'),
    'services', '{"vpn": {"team": "network", "skills": {"vpn": 1}}, "vpn/client": {"team": "service-desk"}, "mail": {"team": "applications"}, "erp": {"team": "applications"},
                  "payroll": {"team": "applications", "impact": "high"}}'::json,
    'rules', '[{"name": "strategic customers", "when": {"customer_tier": "strategic"}, "tags": ["strategic"]}]'::json))
SELECT desk.organisation_apply(2, d, '[]', 'system:seed'), desk.people_apply(d), desk.team_modes_apply(d) FROM document
WHERE NOT EXISTS (SELECT FROM desk.organisation o WHERE o.version > 1)
