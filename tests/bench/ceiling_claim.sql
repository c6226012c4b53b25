-- The rows of one claim.
\set agent random(1, 16)
WITH a AS (SELECT ('00000000-0000-7000-8000-' || lpad(:agent::text, 12, '0'))::uuid AS id),
pick AS (SELECT ticket_id FROM desk.ready WHERE team_id = 1 ORDER BY team_id, priority, due_at, ticket_id LIMIT 1 FOR UPDATE SKIP LOCKED),
d AS (DELETE FROM desk.ready r WHERE r.ticket_id = (SELECT ticket_id FROM pick) RETURNING r.ticket_id),
t AS (
    UPDATE desk.ticket k SET owner_id = (SELECT id FROM a), owner_region = 'eu', owned_at = now(), state = 'open', epoch = epoch + 1, event_seq = event_seq + 1, updated_at = now(),
        event_hash = desk.event_hash(event_hash, k.id, event_seq + 1, 'ticket.claimed', now(), 'bench-1', '{"epoch": 1}')
    WHERE k.id = (SELECT ticket_id FROM d) RETURNING k.id, k.event_seq, k.event_hash),
e AS (
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
    SELECT desk.feed_position(0), id, event_seq, 'ticket.claimed', now(), 'bench-1', true, '{"epoch": 1}', event_hash FROM t),
o AS (
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data) SELECT desk.feed_position(0), id, event_seq, 'ticket.claimed', '{}' FROM t)
INSERT INTO desk.command (user_id, key, response) SELECT (SELECT id FROM a), gen_random_uuid()::text, '{"number": "EU-1", "state": "open", "epoch": 1}' FROM t;
