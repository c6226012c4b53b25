-- A scratch copy of the tables a submission and a claim touch, with the same columns, keys and indexes, for pgbench: PostgreSQL's own ceiling for the same rows.
-- Made in a database of its own on the same primary, so that durability, disk and standbys are the same.
INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'Europe', 'Europe/Stockholm');
INSERT INTO desk.app_user (id, login, name, email, role, region)
    SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'bench-' || i, 'Bench ' || i, 'bench@example.test', 'agent', 'eu' FROM generate_series(1, 16) i;
INSERT INTO desk.team (id, slug, name_en, name_zh, tier) VALUES (1, 'service-desk', 'Service desk', '服务台', 1);
CREATE SEQUENCE desk.bench_number;
CREATE FUNCTION desk.bench_submit() RETURNS void LANGUAGE sql AS $$
    WITH n AS (SELECT gen_random_uuid() AS id, gen_random_uuid() AS key, 'EU-' || nextval('desk.bench_number') AS number, now() AS at),
    t AS (
        INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, service, impact, urgency, priority, language,
                                 requester_id, submitter_id, team_id, accepted_at, event_seq, event_hash)
        SELECT id, number, key, key::text, sha256(number::bytea), 'eu', 'api', 'Printer on floor 7 does not answer',
               'Since this morning the printer shows a paper jam that is not there. Restarting it did not help; several colleagues are waiting for their documents.',
               'printing', 3, 2, 4, 'en', '00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000001', 1, at, 1,
               desk.event_hash('', id, 1, 'ticket.created', at, 'bench-1', '{"state": "new"}')
        FROM n RETURNING id, number, event_hash, accepted_at),
    e AS (
        INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
        SELECT desk.feed_position(0), id, 1, 'ticket.created', accepted_at, 'bench-1', true, '{"state": "new"}', event_hash FROM t),
    c AS (
        INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at, warn_at, fire_at)
        SELECT id, v.target, 'running', accepted_at, v.s, 75, accepted_at + make_interval(secs => v.s), accepted_at + make_interval(secs => v.s * 0.75), accepted_at + make_interval(secs => v.s * 0.75)
        FROM t, (VALUES ('first_response', 86400), ('resolve', 604800)) v (target, s)),
    o AS (
        INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT desk.feed_position(0), id, 1, 'ticket.created', '{}' FROM t)
    INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at) SELECT id, 1, 4, accepted_at + interval '1 day', accepted_at FROM t
$$;
CREATE FUNCTION desk.bench_claim(agent uuid) RETURNS void LANGUAGE sql AS $$
    WITH pick AS (SELECT ticket_id FROM desk.ready WHERE team_id = 1 ORDER BY priority, due_at, ticket_id LIMIT 1 FOR UPDATE SKIP LOCKED),
    d AS (DELETE FROM desk.ready r USING pick WHERE r.ticket_id = pick.ticket_id RETURNING r.ticket_id),
    t AS (
        UPDATE desk.ticket k SET owner_id = agent, owner_region = 'eu', owned_at = now(), state = 'open', epoch = epoch + 1, event_seq = event_seq + 1, updated_at = now(),
            event_hash = desk.event_hash(event_hash, k.id, event_seq + 1, 'ticket.claimed', now(), 'bench-1', '{"epoch": 1}')
        FROM d WHERE k.id = d.ticket_id RETURNING k.id, k.event_seq, k.event_hash),
    e AS (
        INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
        SELECT desk.feed_position(0), id, event_seq, 'ticket.claimed', now(), 'bench-1', true, '{"epoch": 1}', event_hash FROM t),
    o AS (
        INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT desk.feed_position(0), id, event_seq, 'ticket.claimed', '{}' FROM t)
    INSERT INTO desk.command (user_id, key, response) SELECT agent, gen_random_uuid()::text, '{"number": "EU-1", "state": "open", "epoch": 1}' FROM t
$$;
