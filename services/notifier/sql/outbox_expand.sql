-- Turns a batch of outbox rows into deliveries and deletes them, in one statement: urgent ones first, then in order. Safe to repeat: a row is there once, and a delivery's id
-- is derived from (position, channel, destination), so a second expansion of the same event changes nothing. Never reads internal notes.
-- Whom an event tells is decided here and nowhere else:
--   mail to the requester: ticket.created (receipt), pended, reminded, resolved, closed, replies by agents, and of a P1 that an update is overdue;
--     merged, unmerged; and of what their ticket is part of, under their own number: replies by agents, resolved, closed;
--   mail to the owner: replies by the requester, ticket.nudged, sla.warned, sla.breached, and ticket.reopened when it stays with them;
--   mail to the team's leads (its admins, if it has none): ticket.reopened, sla.breached, and sla.warned and ticket.nudged while nobody owns the ticket;
--   mail to whoever owned it before and whoever owns it now, of those two who did not do it: ticket.taken_over, ticket.assigned;
--   mail to whom a ticket is offered, or handed over: ticket.offered;
--   mail to those on call or on duty: escalation.notified, duty.notified, to the logins that it names; to the team's leads when it names none;
--   every event to each enabled webhook endpoint that wants its type. Nobody is told by mail of what they did themselves, but for the receipt.
-- $1 int limit, $2 text home region (where webhooks without a region are sent from), $3 bigint one row's id (null: the first ones), $4 boolean ordinary
-- ones too (false: the urgent ones only). Rows taken, of them urgent ones, deliveries made, of them urgent ones, age of the oldest row left in microseconds
-- (0: none is).
WITH taken AS (
    DELETE FROM desk.outbox
    WHERE id = ANY (ARRAY(
        SELECT n.id FROM (
            SELECT u.id FROM (SELECT id FROM desk.outbox WHERE urgent AND $3::bigint IS NULL ORDER BY id LIMIT $1::int FOR UPDATE SKIP LOCKED) u
            UNION ALL
            SELECT o.id FROM (SELECT id FROM desk.outbox WHERE NOT urgent AND $4::boolean AND $3::bigint IS NULL ORDER BY id LIMIT $1::int FOR UPDATE SKIP LOCKED) o
            UNION ALL
            SELECT s.id FROM (SELECT id FROM desk.outbox WHERE id = $3::bigint FOR UPDATE SKIP LOCKED) s) n
        LIMIT $1::int))
    RETURNING id, urgent, position, ticket_id, event_seq, type, data, trace_id, created_at
), told AS MATERIALIZED (
    SELECT o.*, coalesce(e.at, o.created_at) AS at, e.actor_id, e.actor, coalesce(e.public, false) AS public,
           CASE WHEN e.actor LIKE 'system:%' THEN 'Meridian' ELSE coalesce(a.name, e.actor, 'Meridian') END AS actor_name, t.number, t.subject, t.service, t.state, t.priority, t.region, t.restricted,
           t.requester_id, t.owner_id, w.login AS owner_login, w.name AS owner_name, t.epoch, t.pending_reason, t.pending_until,
           t.cause, t.solution, t.prevention, t.accepted_at, t.first_response_at, t.reopen_until, g.id AS team_id, g.slug AS team, g.name_en, g.name_zh, r.body, coalesce(r.from_requester, o.data ->> 'by' = 'requester', false) AS from_requester
    FROM taken o
    JOIN desk.ticket t ON t.id = o.ticket_id
    JOIN desk.team g ON g.id = t.team_id
    LEFT JOIN desk.event e ON e.ticket_id = o.ticket_id AND e.seq = o.event_seq
        AND e.at BETWEEN o.created_at - interval '1 day' AND o.created_at + interval '1 day'
    LEFT JOIN desk.reply r ON r.ticket_id = coalesce((o.data ->> 'reply_of')::uuid, o.ticket_id)
        AND r.event_seq = coalesce((o.data ->> 'reply_seq')::int, o.event_seq)
    LEFT JOIN desk.app_user a ON a.id = e.actor_id
    LEFT JOIN desk.app_user w ON w.id = t.owner_id
), mail AS (
    SELECT DISTINCT ON (d.position, u.email) d.*, x.audience, x.told_id, x.told_number, x.told_subject, u.id AS user_id, u.name AS to_name, u.email, u.language,
           u.region AS user_region, coalesce(u.zone, z.zone) AS zone
    FROM told d
    CROSS JOIN LATERAL (
        SELECT d.requester_id AS user_id, 'requester' AS audience, d.ticket_id AS told_id, d.number AS told_number, d.subject AS told_subject
        WHERE d.type IN ('ticket.created', 'ticket.pended', 'ticket.reminded', 'ticket.resolved', 'ticket.closed', 'ticket.merged', 'ticket.unmerged')
           OR (d.type = 'sla.breached' AND d.priority = 1 AND d.data ->> 'target' = 'update') OR (d.type = 'ticket.replied' AND NOT d.from_requester)
        UNION ALL
        SELECT s.requester_id, 'requester', s.id, s.number, s.subject FROM desk.merge g JOIN desk.ticket s ON s.id = g.source_id
        WHERE g.root_id = d.ticket_id AND (d.type IN ('ticket.resolved', 'ticket.closed') OR (d.type = 'ticket.replied' AND NOT d.from_requester))
        UNION ALL
        SELECT d.owner_id, 'owner', d.ticket_id, d.number, d.subject
        WHERE d.owner_id IS NOT NULL AND (d.type IN ('ticket.nudged', 'ticket.reopened', 'sla.warned', 'sla.breached') OR (d.type = 'ticket.replied' AND d.from_requester))
        UNION ALL
        SELECT l.user_id, 'lead', d.ticket_id, d.number, d.subject FROM (
            SELECT m.user_id FROM desk.team_member m JOIN desk.app_user u ON u.id = m.user_id
            WHERE m.team_id = d.team_id AND u.role = 'lead' AND u.disabled_at IS NULL
            UNION ALL
            SELECT u.id FROM desk.app_user u
            WHERE u.role = 'admin' AND NOT EXISTS (
                SELECT FROM desk.team_member m JOIN desk.app_user x ON x.id = m.user_id
                WHERE m.team_id = d.team_id AND x.role = 'lead' AND x.disabled_at IS NULL)) l
        WHERE d.type IN ('ticket.reopened', 'sla.breached') OR (d.type IN ('ticket.nudged', 'sla.warned') AND d.owner_id IS NULL)
            OR (d.type IN ('escalation.notified', 'duty.notified') AND d.data -> 'to' = '[]')
        UNION ALL
        SELECT u.id, CASE u.login WHEN d.data ->> 'owner' THEN 'owner' ELSE 'former' END, d.ticket_id, d.number, d.subject FROM desk.app_user u
        WHERE d.type IN ('ticket.taken_over', 'ticket.assigned') AND u.login IN (d.data ->> 'owner', d.data ->> 'from_owner')
        UNION ALL
        SELECT u.id, CASE d.data ->> 'reason' WHEN 'handover' THEN 'successor' ELSE 'offered' END, d.ticket_id, d.number, d.subject FROM desk.app_user u WHERE d.type = 'ticket.offered' AND u.login = d.data ->> 'offered_to'
        UNION ALL
        SELECT u.id, CASE d.data ->> 'role' WHEN 'backup' THEN 'backup' ELSE 'oncall' END, d.ticket_id, d.number, d.subject
        FROM jsonb_array_elements_text(CASE WHEN d.type IN ('escalation.notified', 'duty.notified') THEN d.data -> 'to' END) n (login)
        JOIN desk.app_user u ON u.login = n.login) x
    JOIN desk.app_user u ON u.id = x.user_id AND u.disabled_at IS NULL AND u.email <> ''
    JOIN desk.region z ON z.code = u.region
    WHERE u.id IS DISTINCT FROM d.actor_id OR d.type = 'ticket.created'
    ORDER BY d.position, u.email, x.audience DESC, x.told_id <> d.ticket_id, x.told_id
), made AS (
    INSERT INTO desk.delivery (id, ticket_id, position, type, channel, class, recipient_id, endpoint_id, region, destination, payload)
    SELECT md5(concat_ws('/', m.position, 'mail', m.email))::uuid, m.ticket_id, m.position, m.type, 'mail',
           CASE WHEN m.priority = 1 OR m.type LIKE 'sla.%' OR m.type IN ('escalation.notified', 'ticket.taken_over', 'ticket.offered') THEN 0 WHEN m.type = 'ticket.created' THEN 2 ELSE 1 END,
           m.user_id, NULL, m.user_region, m.email,
           jsonb_strip_nulls(jsonb_build_object(
               'type', CASE WHEN m.audience = 'requester' AND m.type = 'sla.breached' THEN 'ticket.progress' ELSE m.type END, 'ticket_id', m.told_id, 'number', m.told_number, 'title', m.told_subject, 'service', m.service,
               'priority', 'P' || m.priority, 'team', CASE m.language WHEN 'zh' THEN m.name_zh ELSE m.name_en END,
               'at_us', desk.us(m.at), 'actor', m.actor_name, 'owner', m.owner_name, 'audience', m.audience,
               'to_name', m.to_name, 'language', m.language, 'zone', m.zone,
               'former', CASE WHEN m.audience = 'successor' THEN (SELECT f.name FROM desk.app_user f WHERE f.login = m.data ->> 'from_owner') END,
               'text', CASE WHEN m.type = 'ticket.replied' THEN m.body END,
               'reopen_us', CASE WHEN m.type = 'ticket.closed' AND m.told_id = m.ticket_id THEN desk.us(m.reopen_until) END,
               'cause', CASE WHEN m.type = 'ticket.resolved' THEN m.cause END,
               'solution', CASE WHEN m.type = 'ticket.resolved' THEN m.solution END,
               'prevention', CASE WHEN m.type = 'ticket.resolved' THEN m.prevention END,
               'accepted_us', CASE WHEN m.type = 'ticket.resolved' AND m.told_id = m.ticket_id THEN desk.us(m.accepted_at) END,
               'responded_us', CASE WHEN m.type = 'ticket.resolved' AND m.told_id = m.ticket_id THEN desk.us(m.first_response_at) END,
               'confirm', CASE WHEN m.type = 'ticket.resolved' AND m.told_id = m.ticket_id THEN
                   concat_ws('.', m.told_number, m.data ->> 'epoch', c.expires_s, desk.confirm_signature(m.ticket_id, (m.data ->> 'epoch')::bigint, c.expires_s)) END,
               'reason', CASE WHEN m.type IN ('ticket.pended', 'ticket.reminded') THEN m.pending_reason END,
               'until_us', CASE WHEN m.type IN ('ticket.pended', 'ticket.reminded') THEN desk.us(m.pending_until)
                                WHEN m.type = 'ticket.offered' THEN desk.us((m.data ->> 'offered_until')::timestamptz) END,
               'target', CASE WHEN m.type LIKE 'sla.%' OR m.type = 'escalation.notified' THEN m.data ->> 'target' END,
               'due_us', CASE WHEN m.type LIKE 'sla.%' OR m.type = 'escalation.notified' THEN desk.us((m.data ->> 'due_at')::timestamptz) END))
    FROM mail m
    CROSS JOIN LATERAL (SELECT extract(epoch FROM m.at + interval '14 days')::bigint AS expires_s) c -- of links that confirm
    UNION ALL
    SELECT md5(concat_ws('/', d.position, 'webhook', w.id, w.url))::uuid, d.ticket_id, d.position, d.type, 'webhook',
           CASE WHEN d.priority = 1 OR d.type LIKE 'sla.%' OR d.type = 'escalation.notified' THEN 0 WHEN d.type = 'ticket.created' THEN 2 ELSE 1 END,
           NULL, w.id, coalesce(w.region, $2), w.url,
           jsonb_strip_nulls(jsonb_build_object(
               'specversion', '1.0', 'id', d.position::text, 'source', '/regions/' || d.region,
               'type', 'org.meridian.' || d.type || '.v1', 'subject', d.number, 'time', desk.rfc3339(d.at),
               'datacontenttype', 'application/json',
               'traceparent', '00-' || d.trace_id || '-' || substr(md5(d.position::text), 1, 16) || '-01')) ||
           jsonb_build_object('data', d.data || jsonb_build_object(
               'number', d.number, 'seq', d.event_seq, 'type', d.type, 'public', d.public, 'actor', d.actor,
               'state', d.state, 'priority', 'P' || d.priority, 'team', d.team, 'owner', d.owner_login, 'epoch', d.epoch,
               'subject', CASE WHEN NOT d.restricted THEN d.subject END))
    FROM told d
    JOIN desk.webhook_endpoint w ON w.disabled_at IS NULL AND (w.types = '{}' OR d.type = ANY (w.types))
    ON CONFLICT (id) DO NOTHING
    RETURNING class
)
SELECT t.n, t.urgent, m.n, m.urgent,
       coalesce((SELECT desk.us(now()) - desk.us(o.created_at) FROM desk.outbox o WHERE o.id NOT IN (SELECT id FROM taken) ORDER BY o.id LIMIT 1), 0)
FROM (SELECT count(*) AS n, count(*) FILTER (WHERE urgent) AS urgent FROM taken) t
CROSS JOIN (SELECT count(*) AS n, count(*) FILTER (WHERE class = 0) AS urgent FROM made) m;
