-- A desk of a given size for the bench claim-scale: 500 teams, 10,000 agents of three teams each with skills and languages, and as many ready tickets as asked for.
-- Variables of psql: first and tickets (numbers of the tickets to make, so that more can be added later).
INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'Europe', 'Europe/Stockholm'), ('ap', 'Asia-Pacific', 'Asia/Shanghai'), ('us', 'Americas', 'America/New_York') ON CONFLICT DO NOTHING;
INSERT INTO desk.desk (name, region) SELECT 'scale-' || r.code, r.code FROM desk.region r WHERE r.code IN ('eu', 'ap', 'us') ON CONFLICT DO NOTHING;
INSERT INTO desk.shift (desk, opens_at, closes_at)
SELECT 'scale-' || r.code, '-infinity', CASE r.code WHEN 'us' THEN now() - interval '1 hour' ELSE 'infinity' END FROM desk.region r WHERE r.code IN ('eu', 'ap', 'us') ON CONFLICT DO NOTHING;
INSERT INTO desk.team (id, slug, name_en, name_zh, tier, claims)
SELECT 1000 + i, 'scale-' || i, 'Scale ' || i, '规模 ' || i, 1, CASE WHEN i % 4 = 0 THEN 'on_shift' ELSE 'anybody' END FROM generate_series(1, 500) i ON CONFLICT DO NOTHING;
INSERT INTO desk.app_user (id, login, name, email, role, region, language)
SELECT md5('scale-' || i)::uuid, 'scale-' || i, 'Scale ' || i, 'scale-' || i || '@example.test', 'agent', (ARRAY['eu', 'ap', 'us'])[1 + i % 3], 'en' FROM generate_series(1, 10000) i
ON CONFLICT DO NOTHING;
INSERT INTO desk.team_member (user_id, team_id) SELECT md5('scale-' || i)::uuid, 1001 + (i * 7 + k * 167) % 500 FROM generate_series(1, 10000) i, generate_series(0, 2) k ON CONFLICT DO NOTHING;
INSERT INTO desk.agent_desk (user_id, desk) SELECT md5('scale-' || i)::uuid, 'scale-' || (ARRAY['eu', 'ap', 'us'])[1 + i % 3] FROM generate_series(1, 10000) i ON CONFLICT DO NOTHING;
INSERT INTO desk.agent (user_id, skills, languages, capacity)
SELECT md5('scale-' || i)::uuid, ARRAY(SELECT 'skill-' || (i + s) % 6 || ':' || v FROM generate_series(0, i % 6) s, generate_series(1, 1 + (i + s) % 4) v),
       CASE i % 3 WHEN 0 THEN ARRAY['en'] WHEN 1 THEN ARRAY['zh'] ELSE ARRAY['en', 'zh'] END, CASE WHEN i % 2 = 0 THEN 100000 END FROM generate_series(1, 10000) i
ON CONFLICT DO NOTHING;
INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, impact, urgency, priority, language, requester_id, submitter_id,
                         team_id, accepted_at, created_at, updated_at, event_seq, event_hash, skills)
SELECT gen_random_uuid(), 'EU-' || 900000000 + i, gen_random_uuid(), 'scale', 'x', 'eu', 'api', 'Scale', '', 2, 2, 1 + (i + i / 500) % 4, CASE WHEN i / 500 % 5 = 0 THEN 'zh' ELSE 'en' END,
       md5('scale-1')::uuid, md5('scale-1')::uuid, 1001 + i % 500, now(), now(), now(), 1, sha256('x'),
       CASE WHEN i / 500 % 6 < 3 THEN '{}' ELSE ARRAY['skill-' || i / 500 % 6 || ':' || 1 + i / 3000 % 3] END
FROM generate_series(:first, :first + :tickets - 1) i;
INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at)
SELECT t.id, t.team_id, t.priority, t.created_at + make_interval(mins => (hashtext(t.number) & 8191) - 2048), t.created_at
FROM desk.ticket t WHERE t.number = ANY (ARRAY(SELECT 'EU-' || 900000000 + i FROM generate_series(:first, :first + :tickets - 1) i));
ANALYZE;
