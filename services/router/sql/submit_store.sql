-- Makes tickets of a whole batch: row, first event, clocks, timer, notice, place in the queue. Records whose key, number or id exists are
-- passed over; the rows returned are those that became tickets. Safe to repeat; in the order of the keys, so that two batches with
-- the same records do not deadlock.
-- $1 the records, $2 their clocks (json, see submit_record.c), $3 now (us)
WITH input AS MATERIALIZED (
    SELECT i.*, desk.at($3::bigint) AS at, coalesce(i.login, '') AS actor, i.event::jsonb AS data,
           desk.event_hash('', i.id, 1, 'ticket.created', desk.at($3::bigint), coalesce(i.login, ''), i.event::jsonb) AS hash
    FROM json_to_recordset($1::json) AS i (
        ordinal int, id uuid, number text, submission_key uuid, client_key text, body_hash text, region text, accepted_us bigint,
        channel text, requester_id uuid, submitter_id uuid, login text, subject text, description text, service text, impact smallint,
        urgency smallint, priority smallint, language text, attributes text, team_id int, restricted boolean, event text, tags json, skills json, trace_id text, ready_us bigint,
        escalation bigint)
), t AS (
    INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, service, impact,
        urgency, priority, language, attributes, requester_id, submitter_id, team_id, restricted, accepted_at, created_at, updated_at,
        event_seq, event_hash, tags, skills)
    SELECT i.id, i.number, i.submission_key, i.client_key, decode(i.body_hash, 'hex'), i.region, i.channel, i.subject, i.description,
        i.service, i.impact, i.urgency, i.priority, i.language, coalesce(i.attributes, '{}')::jsonb, i.requester_id, i.submitter_id, i.team_id,
        i.restricted, desk.at(i.accepted_us), i.at, i.at, 1, i.hash,
        ARRAY(SELECT g.tag FROM json_array_elements_text(i.tags) g (tag)), ARRAY(SELECT n.skill FROM json_array_elements_text(i.skills) n (skill))
    FROM input i ORDER BY i.submission_key, i.ordinal
    ON CONFLICT DO NOTHING
    RETURNING id
), made AS MATERIALIZED (
    SELECT i.* FROM input i WHERE (i.id IN (SELECT t.id FROM t)) IS TRUE -- a hashed look-up; as a join it would be quadratic
), e AS (
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
    SELECT desk.feed_position(m.ordinal), m.id, 1, 'ticket.created', m.at, m.submitter_id, m.actor, true, m.data, m.hash
    FROM made m
), o AS (
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data, trace_id)
    SELECT desk.feed_position(m.ordinal), m.id, 1, 'ticket.created', m.data, m.trace_id FROM made m
), c AS (
    INSERT INTO desk.clock (ticket_id, target, cycle, state, started_at, target_s, warn_percent, due_at, warn_at, remaining_s, stopped_at, fire_at)
    SELECT m.id, v.target, v.cycle, v.state, desk.at(v.started), v.seconds, v.percent, desk.at(v.due), desk.at(v.warn), v.remaining, desk.at(v.stopped),
           desk.at(v.fire)
    FROM json_to_recordset($2::json) AS v (ordinal int, target text, cycle int, state text, started bigint, seconds int, percent smallint, due bigint,
        warn bigint, remaining int, stopped bigint, fire bigint)
    JOIN made m ON m.ordinal = v.ordinal
), q AS (
    INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at)
    SELECT m.id, m.team_id, m.priority, desk.at(m.ready_us), m.at FROM made m
), r AS (
    INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
    SELECT m.id, 'escalation', desk.at(m.escalation), 1 FROM made m WHERE m.escalation IS NOT NULL
)
SELECT m.ordinal FROM made m
