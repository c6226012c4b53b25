-- A desk that has been there for a year: :tickets tickets with their events and clocks, by a plan of a calendar in Berlin and one around the clock.
-- The clocks are what PostgreSQL's own arithmetic of zones says, not what Meridian's does: a replay that finds no difference proves something.
-- Each ticket comes on a Monday to Wednesday between 09:00 and 13:00 and is resolved the same day or not at all, so that two working days are two days.
SET synchronous_commit = off;
INSERT INTO desk.region (code, name, zone) VALUES ('eu', 'eu', 'Europe/Berlin') ON CONFLICT DO NOTHING;
INSERT INTO desk.team (id, slug, name_en, name_zh, tier) VALUES (1, 'desk', 'd', 'd', 1) ON CONFLICT DO NOTHING;
INSERT INTO desk.app_user (id, login, name, email, role, region) VALUES
    (md5('requester')::uuid, 'requester', 'r', 'r', 'requester', 'eu'), (md5('agent')::uuid, 'agent', 'a', 'a', 'agent', 'eu'),
    (md5('lead')::uuid, 'lead', 'l', 'l', 'lead', 'eu');
INSERT INTO desk.team_member (user_id, team_id) VALUES (md5('lead')::uuid, 1);
INSERT INTO desk.session (token_hash, user_id, kind, expires_at) VALUES (sha256(:'token'), md5('lead')::uuid, 'token', now() + interval '1 d');
INSERT INTO desk.sla_plan (version, document, calendar_versions, tzdata, minds_claims, applied_by) VALUES (2,
    '{"calendars": {"berlin": {"zone": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]], "wed": [["09:00", "17:00"]],
                                                                   "thu": [["09:00", "17:00"]], "fri": [["09:00", "17:00"]]}}},
      "policies": [{"name": "urgent", "when": {"priority": [1, 2]}, "targets": {"first_response": {"amount": "2h"}, "resolve": {"amount": "16h"}}},
                   {"name": "usual", "targets": {"first_response": {"amount": "2h", "calendar": "berlin"}, "resolve": {"amount": "16h", "calendar": "berlin"}}}]}',
    '{"berlin": 2}', 'unknown', false, 'bench');

-- The partitions that the year has left behind.
DO $$
BEGIN
    FOR i IN 1..13 LOOP
        EXECUTE format('CREATE TABLE desk.event_%s PARTITION OF desk.event FOR VALUES FROM (%L) TO (%L)',
            to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - i * interval '1 month', 'YYYYMM'),
            date_trunc('month', now() AT TIME ZONE 'UTC') - i * interval '1 month' || '+00', date_trunc('month', now() AT TIME ZONE 'UTC') - (i - 1) * interval '1 month' || '+00');
        EXECUTE format('ALTER TABLE desk.event_%s ENABLE ROW LEVEL SECURITY', to_char(date_trunc('month', now() AT TIME ZONE 'UTC') - i * interval '1 month', 'YYYYMM'));
    END LOOP;
END $$;

-- kind 0: nobody came. 1: answered, and rests since. 2: answered, late with the rest. Others: resolved, some after a pause.
CREATE TEMPORARY TABLE story AS
SELECT i, ('0190' || lpad(to_hex(i), 8, '0') || '7000' || substr(md5(i::text), 1, 16))::uuid AS id, i % 10 AS kind, 1 + i % 4 AS priority,
       (day + interval '9 h' + (i * 7919 % 14400) * interval '1 s') AT TIME ZONE 'Europe/Berlin' AS at, day + interval '9 h' + (i * 7919 % 14400) * interval '1 s' AS wall
FROM (SELECT i, (date_trunc('week', now() - interval '350 d') + (i::bigint * 48 / :tickets) * interval '7 d' + (i % 3) * interval '1 d')::timestamp AS day
      FROM generate_series(1, :tickets) i) x;
-- When each target warns and is due, if nothing pauses it.
CREATE TEMPORARY TABLE goal AS
SELECT s.i, s.id, s.kind, s.at AS started, v.target, v.seconds, s.at + v.seconds * 0.75 * interval '1 s' AS warn, s.at + v.seconds * interval '1 s' AS due
FROM story s, (VALUES ('first_response', 7200), ('resolve', 57600)) v (target, seconds) WHERE s.priority <= 2
UNION ALL
SELECT s.i, s.id, s.kind, s.at, v.target, v.seconds, (s.wall + v.warn) AT TIME ZONE 'Europe/Berlin', (s.wall + v.due) AT TIME ZONE 'Europe/Berlin'
FROM story s, (VALUES ('first_response', 7200, interval '90 min', interval '2 h'), ('resolve', 57600, interval '1 d 4 h', interval '2 d')) v (target, seconds, warn, due)
WHERE s.priority > 2;
CREATE TEMPORARY TABLE happened AS
SELECT x.*, row_number() OVER (PARTITION BY i ORDER BY at, n) AS seq FROM (
    SELECT i, id, at, 0 AS n, 'ticket.created' AS type, 'requester' AS actor, jsonb_build_object('number', 'EU-' || i, 'region', 'eu', 'channel', 'api', 'state', 'new', 'epoch', 0,
        'owner', NULL, 'priority', priority, 'impact', 2, 'urgency', 2, 'team', 'desk', 'tier', 1, 'plan', 2, 'service', 'mail', 'language', 'en', 'requester', 'requester',
        'accepted_at', desk.rfc3339(at), 'routing', '{"by": "default"}'::jsonb, 'tags', '[]'::jsonb) AS data FROM story
    UNION ALL SELECT i, id, at + interval '10 min', 1, 'ticket.claimed', 'agent', '{"owner": "agent", "state": "open", "epoch": 1}' FROM story WHERE kind > 0
    UNION ALL SELECT i, id, at + interval '20 min', 2, 'ticket.replied', 'agent', '{"by": "agent"}' FROM story WHERE kind > 0
    UNION ALL SELECT i, id, at + interval '40 min', 3, 'ticket.updated', 'agent', '{"state": "pending", "pending_reason": "requester"}' FROM story WHERE kind IN (1, 3, 4)
    UNION ALL SELECT i, id, at + interval '100 min', 4, 'ticket.replied', 'requester', '{"by": "requester", "state": "open"}' FROM story WHERE kind IN (3, 4)
    UNION ALL SELECT i, id, at + interval '150 min', 5, 'ticket.resolved', 'agent', '{"state": "resolved", "cause": "x", "solution": "y"}' FROM story WHERE kind >= 3
    UNION ALL SELECT i, id, warn, 6, 'sla.warned', 'system:sla', jsonb_build_object('target', target, 'due_at', desk.rfc3339(due), 'late_ms', 0)
        FROM goal WHERE kind = 0 OR kind = 2 AND target = 'resolve'
    UNION ALL SELECT i, id, due, 7, 'sla.breached', 'system:sla', jsonb_build_object('target', target, 'due_at', desk.rfc3339(due), 'late_ms', 0)
        FROM goal WHERE kind = 0 OR kind = 2 AND target = 'resolve') x;
CREATE INDEX ON happened (i);
ANALYZE happened;

INSERT INTO desk.ticket (id, number, submission_key, client_key, body_hash, region, channel, subject, description, impact, urgency, priority, language, requester_id, submitter_id,
                         team_id, state, pending_reason, owner_id, owned_at, accepted_at, created_at, updated_at, event_seq, event_hash)
SELECT s.id, 'EU-' || s.i, md5(s.i::text)::uuid, 'k', '', 'eu', 'api', 'A subject of usual length', repeat('A description of some length. ', 10), 2, 2, s.priority, 'en', md5('requester')::uuid,
       md5('requester')::uuid, 1, CASE WHEN s.kind = 0 THEN 'new' WHEN s.kind = 1 THEN 'pending' WHEN s.kind = 2 THEN 'open' ELSE 'resolved' END, CASE WHEN s.kind = 1 THEN 'requester' END,
       CASE WHEN s.kind > 0 THEN md5('agent')::uuid END, CASE WHEN s.kind > 0 THEN s.at + interval '10 min' END, s.at, s.at, h.at, h.seq, ''
FROM story s CROSS JOIN LATERAL (SELECT max(h.at) AS at, max(h.seq) AS seq FROM happened h WHERE h.i = s.i) h ORDER BY s.i;
INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
SELECT i::bigint * 16 + seq, id, seq, type, at, actor, type NOT LIKE 'sla.%', data, sha256(id::text::bytea) FROM happened ORDER BY at, i;
INSERT INTO desk.clock (ticket_id, target, state, started_at, target_s, warn_percent, due_at, warn_at, remaining_s, warned_at, breached_at, stopped_at, fire_at)
SELECT id, target, CASE WHEN runs THEN 'running' WHEN rests THEN 'paused' ELSE 'met' END, started, seconds, 75, CASE WHEN runs THEN due END, CASE WHEN runs THEN warn END,
       CASE WHEN rests THEN seconds - 2400 WHEN NOT runs AND target = 'first_response' THEN seconds - 1200 WHEN NOT runs THEN seconds - 9000 + CASE WHEN kind IN (3, 4) THEN 3600 ELSE 0 END END,
       CASE WHEN runs THEN warn END, CASE WHEN runs THEN due END,
       CASE WHEN runs OR rests THEN NULL WHEN target = 'first_response' THEN started + interval '20 min' ELSE started + interval '150 min' END, NULL
FROM (SELECT *, kind = 0 OR kind = 2 AND target = 'resolve' AS runs, kind = 1 AND target = 'resolve' AS rests FROM goal) g ORDER BY i;
VACUUM ANALYZE;
