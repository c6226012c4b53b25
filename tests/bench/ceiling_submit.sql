-- The rows of one submission.
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
INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at) SELECT id, 1, 4, accepted_at + interval '1 day', accepted_at FROM t;
