-- People and a team for the scratch database in which pgbench writes the rows of submissions and claims: PostgreSQL's own ceiling. It is Meridian's own schema in a database of its own on the
-- same primary, so that tables, indexes, durability, disk and standbys are the same.
INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'Europe', 'Europe/Stockholm');
INSERT INTO desk.app_user (id, login, name, email, role, region)
    SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'bench-' || i, 'Bench ' || i, 'bench@example.test', 'agent', 'eu' FROM generate_series(1, 16) i;
INSERT INTO desk.team (id, slug, name_en, name_zh, tier) VALUES (1, 'service-desk', 'Service desk', '服务台', 1);
CREATE SEQUENCE desk.bench_number;
