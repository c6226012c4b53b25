-- Makes tickets of a whole batch: row, first event, both clocks, notice, place in the queue. Records whose key, number or id exists are
-- passed over; the rows returned are those that became tickets. Safe to repeat; in the order of the keys, so that two batches with
-- the same records do not deadlock.
-- $1 the records (json, see submit.c), $2 now (us)
WITH record AS MATERIALIZED (
    SELECT i.*, desk.at($2::bigint) AS at, coalesce(g.id, 1) AS team_id, d.slug AS team, d.restricted,
           (SELECT s.login FROM desk.app_user s WHERE s.id = i.submitter_id) AS actor,
           jsonb_build_object('number', i.number, 'region', i.region, 'channel', i.channel, 'state', 'new', 'epoch', 0, 'owner', NULL,
               'priority', i.priority, 'impact', i.impact, 'urgency', i.urgency, 'team', d.slug, 'service', i.service,
               'language', i.language, 'requester', (SELECT r.login FROM desk.app_user r WHERE r.id = i.requester_id), 'accepted_at', desk.rfc3339(desk.at(i.accepted_us))) AS data
    FROM json_to_recordset($1::json) AS i (
        ordinal int, id uuid, number text, submission_key uuid, client_key text, body_hash text, region text, accepted_us bigint,
        channel text, requester_id uuid, submitter_id uuid, subject text, description text, service text, impact smallint,
        urgency smallint, priority smallint, language text, attributes text, trace_id text, started_us bigint, ready_us bigint,
        response_s int, response_percent smallint, response_due bigint, response_warn bigint,
        resolve_s int, resolve_percent smallint, resolve_due bigint, resolve_warn bigint)
    LEFT JOIN desk.team g ON g.slug = i.service
    JOIN desk.team d ON d.id = coalesce(g.id, 1)
), input AS MATERIALIZED (
    SELECT r.*, desk.event_hash('', r.id, 1, 'ticket.created', r.at, coalesce(r.actor, ''), r.data) AS hash FROM record r
), t AS (
    INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, service, impact,
        urgency, priority, language, attributes, requester_id, submitter_id, team_id, restricted, accepted_at, created_at, updated_at,
        event_seq, event_hash)
    SELECT i.id, i.number, i.submission_key, i.client_key, decode(i.body_hash, 'hex'), i.region, i.channel, i.subject, i.description,
        i.service, i.impact, i.urgency, i.priority, i.language, coalesce(i.attributes, '{}')::jsonb, i.requester_id, i.submitter_id, i.team_id,
        i.restricted, desk.at(i.accepted_us), i.at, i.at, 1, i.hash
    FROM input i ORDER BY i.submission_key, i.ordinal
    ON CONFLICT DO NOTHING
    RETURNING id
), made AS MATERIALIZED (
    SELECT i.* FROM input i WHERE (i.id IN (SELECT t.id FROM t)) IS TRUE -- a hashed look-up; as a join it would be quadratic
), e AS (
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
    SELECT desk.feed_position(m.ordinal), m.id, 1, 'ticket.created', m.at, m.submitter_id, coalesce(m.actor, ''), true, m.data, m.hash
    FROM made m
), o AS (
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data, trace_id)
    SELECT desk.feed_position(m.ordinal), m.id, 1, 'ticket.created', m.data, m.trace_id FROM made m
), c AS (
    INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at, warn_at, fire_at)
    SELECT m.id, v.target, 'running', desk.at(m.started_us), v.seconds, v.percent, desk.at(v.due), desk.at(v.warn), desk.at(v.warn)
    FROM made m CROSS JOIN LATERAL (VALUES
        ('first_response', m.response_s, m.response_percent, m.response_due, m.response_warn),
        ('resolve', m.resolve_s, m.resolve_percent, m.resolve_due, m.resolve_warn)) AS v (target, seconds, percent, due, warn)
), q AS (
    INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at)
    SELECT m.id, m.team_id, m.priority, desk.at(m.ready_us), m.at FROM made m
)
SELECT m.ordinal FROM made m
