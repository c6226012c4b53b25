-- Why: the first schema: people, tickets, events, clocks, queue, notices, sessions, operations.
-- Locks: none that matter (empty database).
-- Rollout: first release.

CREATE SCHEMA desk AUTHORIZATION meridian_owner;
CREATE SCHEMA meridian_api AUTHORIZATION meridian_owner;
COMMENT ON SCHEMA desk IS 'Private tables of Meridian. Services only; shapes may change with any release.';
COMMENT ON SCHEMA meridian_api IS 'Stable, commented views for reports and BI tools.';
GRANT USAGE ON SCHEMA desk TO meridian_intake, meridian_router, meridian_sla, meridian_notifier;
GRANT USAGE ON SCHEMA meridian_api TO meridian_report;
SET ROLE meridian_owner;

-- ---- small functions ---------------------------------------------------------------------------------------------------------

-- STABLE and not IMMUTABLE, which they are: what they are made of is called stable, and only a body that is no more volatile than its function is
-- inlined. Not inlined, each use in each statement is planned anew at every execution.
CREATE FUNCTION desk.us(at timestamptz) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;
COMMENT ON FUNCTION desk.us IS 'Microseconds since 1970: how C reads an instant.';

CREATE FUNCTION desk.at(us bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN timestamptz '1970-01-01 00:00:00+00' + us * interval '1 microsecond';
COMMENT ON FUNCTION desk.at IS 'The instant of microseconds since 1970.';

CREATE FUNCTION desk.rfc3339(at timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE FUNCTION desk.feed_position(ordinal int) RETURNS bigint LANGUAGE sql VOLATILE
    RETURN (pg_current_xact_id()::text::bigint << 20) | ordinal;
COMMENT ON FUNCTION desk.feed_position IS
    'Place of an event in the durable feed: transaction id and ordinal within it. Readers stop at desk.feed_horizon(), so nothing that commits later can appear before what they have read.';

CREATE FUNCTION desk.feed_horizon() RETURNS bigint LANGUAGE sql STABLE
    RETURN pg_snapshot_xmin(pg_current_snapshot())::text::bigint << 20;

CREATE FUNCTION desk.event_hash(previous bytea, ticket uuid, seq int, type text, at timestamptz, actor text, data jsonb)
    RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sha256(previous || convert_to(concat_ws(E'\x1f', ticket::text, seq::text, type, desk.us(at)::text, actor, data::text), 'UTF8'));
COMMENT ON FUNCTION desk.event_hash IS
    'SHA-256 over the previous hash and the fields joined by U+001F. deskctl audit verify computes the same in C.';

-- ---- people ------------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.region (
    code text PRIMARY KEY CHECK (code ~ '^[a-z]{2,4}$'),
    name text NOT NULL,
    zone text NOT NULL,
    next_number bigint NOT NULL DEFAULT 1048576
);
CREATE TABLE desk.app_user (
    id uuid PRIMARY KEY,
    login text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    name text NOT NULL,
    email text NOT NULL,
    role text NOT NULL CHECK (role IN ('requester', 'agent', 'lead', 'admin')),
    region text NOT NULL REFERENCES desk.region,
    language text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'zh')),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE TABLE desk.user_password (
    user_id uuid PRIMARY KEY REFERENCES desk.app_user,
    hash text NOT NULL CHECK (hash <> ''),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.user_password IS 'Apart from app_user so that only the router can read hashes.';
CREATE TABLE desk.team (
    id int PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name_en text NOT NULL,
    name_zh text NOT NULL,
    tier smallint NOT NULL CHECK (tier BETWEEN 1 AND 3),
    restricted boolean NOT NULL DEFAULT false
);
CREATE TABLE desk.team_member (
    user_id uuid NOT NULL REFERENCES desk.app_user,
    team_id int NOT NULL REFERENCES desk.team,
    PRIMARY KEY (user_id, team_id)
);
CREATE TABLE desk.session (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    user_id uuid NOT NULL REFERENCES desk.app_user,
    kind text NOT NULL CHECK (kind IN ('session', 'token')),
    label text,
    csrf_hash bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX session_expiry ON desk.session (expires_at);

-- ---- tickets -----------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.ticket (
    id uuid PRIMARY KEY,
    number text NOT NULL UNIQUE,
    submission_key uuid NOT NULL UNIQUE,
    client_key text NOT NULL,
    body_hash bytea NOT NULL,
    region text NOT NULL,
    channel text NOT NULL,
    subject text NOT NULL,
    description text NOT NULL,
    service text,
    impact smallint NOT NULL CHECK (impact BETWEEN 1 AND 3),
    urgency smallint NOT NULL CHECK (urgency BETWEEN 1 AND 3),
    priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    language text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    requester_id uuid NOT NULL REFERENCES desk.app_user,
    submitter_id uuid NOT NULL REFERENCES desk.app_user,
    team_id int NOT NULL, -- no foreign key: teams are never deleted, and each batch of submissions would lock the same few rows
    restricted boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'open', 'pending', 'resolved', 'closed', 'cancelled')),
    pending_reason text,
    pending_until timestamptz,
    owner_id uuid REFERENCES desk.app_user,
    owner_region text,
    owned_at timestamptz,
    epoch bigint NOT NULL DEFAULT 0,
    cause text,
    solution text,
    prevention text,
    reopened int NOT NULL DEFAULT 0,
    accepted_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    first_response_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    event_seq int NOT NULL,
    event_hash bytea NOT NULL,
    CHECK ((state = 'pending') = (pending_reason IS NOT NULL)),
    CHECK (owner_id IS NULL OR state IN ('open', 'pending', 'resolved', 'closed')),
    CHECK ((owner_id IS NULL) = (owned_at IS NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE desk.ticket IS 'The present state of each ticket: a projection of its events. event_seq is also its version (ETag); epoch rises with every change of ownership.';
CREATE INDEX ticket_requester ON desk.ticket (requester_id, id);
CREATE INDEX ticket_owner ON desk.ticket (owner_id, id) WHERE owner_id IS NOT NULL;

CREATE TABLE desk.ticket_alias (
    number text PRIMARY KEY,
    ticket_id uuid NOT NULL REFERENCES desk.ticket,
    region text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.ticket_alias IS 'Numbers handed out for a submission whose key had already made a ticket; they lead to it for ever.';
CREATE INDEX ticket_alias_ticket ON desk.ticket_alias (ticket_id);

CREATE TABLE desk.event (
    position bigint NOT NULL,
    ticket_id uuid NOT NULL,
    seq int NOT NULL,
    type text NOT NULL CHECK (type ~ '^[a-z]+(\.[a-z_]+)+$'),
    at timestamptz NOT NULL,
    actor_id uuid,
    actor text NOT NULL,
    public boolean NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    hash bytea NOT NULL,
    PRIMARY KEY (ticket_id, seq, at)
) PARTITION BY RANGE (at);
COMMENT ON TABLE desk.event IS 'Everything that happened, append-only: gapless seq per ticket, hash-chained. Partitioned by month.';
CREATE INDEX event_position ON desk.event (position);
CREATE TABLE desk.event_default PARTITION OF desk.event DEFAULT;

CREATE FUNCTION desk.partitions_ensure(months int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '200ms' AS $$
DECLARE
    month date;
    name text;
    missing int := 0;
BEGIN
    FOR i IN 0..months LOOP
        month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i))::date;
        name := 'event_' || to_char(month, 'YYYYMM');
        CONTINUE WHEN to_regclass('desk.' || name) IS NOT NULL;
        BEGIN
            EXECUTE format('CREATE TABLE desk.%I PARTITION OF desk.event FOR VALUES FROM (%L) TO (%L)', name, month::text || ' 00:00:00+00',
                           (month + interval '1 month')::date::text || ' 00:00:00+00');
            EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY', name);
        EXCEPTION WHEN lock_not_available OR check_violation THEN
            missing := missing + 1;
        END;
    END LOOP;
    RETURN missing;
END $$;
COMMENT ON FUNCTION desk.partitions_ensure IS
    'Makes the partitions of this month and the next ones; the router calls it at its start and daily. Returns how many could not be made: somebody holds the table (it never waits long, because every write would wait behind it), or the month''s events are in the default partition already, where they stay.';
SELECT desk.partitions_ensure(3);

CREATE FUNCTION desk.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON desk.event FOR EACH ROW EXECUTE FUNCTION desk.refuse_change();

CREATE TABLE desk.reply (
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL REFERENCES desk.ticket,
    event_seq int NOT NULL,
    author_id uuid NOT NULL REFERENCES desk.app_user,
    from_requester boolean NOT NULL,
    body text NOT NULL,
    at timestamptz NOT NULL,
    UNIQUE (ticket_id, event_seq)
);
COMMENT ON TABLE desk.reply IS 'Public messages, seen by the requester and sent as mail.';
CREATE TABLE desk.note (
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL REFERENCES desk.ticket,
    event_seq int NOT NULL,
    author_id uuid NOT NULL REFERENCES desk.app_user,
    body text NOT NULL,
    at timestamptz NOT NULL,
    UNIQUE (ticket_id, event_seq)
);
COMMENT ON TABLE desk.note IS 'Internal notes: a table of their own, which the notifier has no right to read, so that none can ever become mail.';

CREATE TABLE desk.ready (
    ticket_id uuid PRIMARY KEY, -- of a ticket that the same statement writes; tickets are never deleted
    team_id int NOT NULL,
    priority smallint NOT NULL,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE desk.ready IS 'One small row per claimable ticket; deleted by the claim. Small, so that churn stays cheap.';
CREATE INDEX ready_order ON desk.ready (team_id, priority, due_at, ticket_id);

-- ---- clocks ------------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.sla_target (
    priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    target text NOT NULL CHECK (target IN ('first_response', 'resolve')),
    seconds int NOT NULL CHECK (seconds > 0),
    warn_percent smallint NOT NULL DEFAULT 75 CHECK (warn_percent BETWEEN 1 AND 99),
    PRIMARY KEY (priority, target)
);
INSERT INTO desk.sla_target (priority, target, seconds) VALUES
    (1, 'first_response', 30 * 60),   (1, 'resolve', 4 * 3600),
    (2, 'first_response', 2 * 3600),  (2, 'resolve', 8 * 3600),
    (3, 'first_response', 8 * 3600),  (3, 'resolve', 3 * 86400),
    (4, 'first_response', 24 * 3600), (4, 'resolve', 7 * 86400);

CREATE TABLE desk.clock (
    ticket_id uuid NOT NULL, -- of a ticket that the same statement makes; tickets are never deleted
    target text NOT NULL CHECK (target IN ('first_response', 'resolve')),
    state text NOT NULL CHECK (state IN ('running', 'paused', 'met', 'cancelled')),
    started_at timestamptz NOT NULL,
    target_s int NOT NULL,
    warn_percent smallint NOT NULL,
    due_at timestamptz,
    warn_at timestamptz,
    remaining_s int,
    warned_at timestamptz,
    breached_at timestamptz,
    stopped_at timestamptz,
    generation int NOT NULL DEFAULT 1,
    fire_at timestamptz,
    PRIMARY KEY (ticket_id, target),
    CHECK ((state = 'running') = (due_at IS NOT NULL)),
    CHECK ((state = 'paused') <= (remaining_s IS NOT NULL)),
    CHECK (state = 'running' OR fire_at IS NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE desk.clock IS 'SLA clocks. fire_at is the next thing to happen (warning, then breach); generation changes whenever the clock does, so that a stale timer cannot fire. A paused clock has no due time, only what remains.';
CREATE INDEX clock_fire ON desk.clock (fire_at) WHERE fire_at IS NOT NULL;

-- ---- notices -----------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position bigint NOT NULL,
    ticket_id uuid NOT NULL,
    event_seq int NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    trace_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    urgent boolean NOT NULL GENERATED ALWAYS AS (type LIKE 'sla.%' OR data @> '{"priority": 1}') STORED
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_urgent ON desk.outbox (id) WHERE urgent;
COMMENT ON COLUMN desk.outbox.urgent IS 'Of a P1 or of the clocks: told before everything else.';
COMMENT ON TABLE desk.outbox IS 'One row per event that somebody may have to be told of, written with it. The notifier turns it into deliveries and deletes it in one transaction.';

CREATE TABLE desk.webhook_endpoint (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    url text NOT NULL,
    secret text NOT NULL,
    types text[] NOT NULL DEFAULT '{}',
    region text REFERENCES desk.region,
    disabled_at timestamptz,
    disabled_reason text
);
COMMENT ON COLUMN desk.webhook_endpoint.types IS 'Event types wanted; empty: all.';

CREATE TABLE desk.delivery (
    id uuid PRIMARY KEY,
    ticket_id uuid,
    position bigint NOT NULL,
    type text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    class smallint NOT NULL DEFAULT 1 CHECK (class BETWEEN 0 AND 2),
    recipient_id uuid,
    endpoint_id int,
    region text NOT NULL,
    destination text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sending', 'delivered', 'dead', 'uncertain')),
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz DEFAULT now(),
    lease_by text,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE desk.delivery IS 'The ledger of notices: one row per (event, channel, destination), whose id is derived from them and reaches the receiver (Message-ID, webhook-id), so that it can drop duplicates. next_at is when to try (or, while sending, when the lease ends).';
CREATE INDEX delivery_due ON desk.delivery (channel, class, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX delivery_dead ON desk.delivery (id) WHERE state IN ('dead', 'uncertain');
CREATE TABLE desk.delivery_attempt (
    delivery_id uuid NOT NULL REFERENCES desk.delivery ON DELETE CASCADE,
    attempt int NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    region text NOT NULL,
    outcome text NOT NULL,
    detail text,
    PRIMARY KEY (delivery_id, attempt)
);

-- ---- operations --------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.command (
    user_id uuid NOT NULL,
    key text NOT NULL,
    body_hash bytea,
    response text NOT NULL,
    lsn_hint bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
COMMENT ON TABLE desk.command IS 'What each write answered, by key, so that a repeated request is answered the same and does nothing. Kept a day.';
CREATE INDEX command_age ON desk.command USING brin (created_at);

CREATE TABLE desk.number_block (
    region text NOT NULL REFERENCES desk.region,
    first bigint NOT NULL,
    count int NOT NULL,
    instance text NOT NULL,
    leased_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (region, first)
);
CREATE TABLE desk.instance (
    instance text PRIMARY KEY,
    service text NOT NULL,
    region text NOT NULL,
    version text NOT NULL,
    bus_url text,
    started_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    stats jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE desk.instance IS 'Every running copy of every service: heartbeats every two seconds.';
CREATE TABLE desk.cluster (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL DEFAULT 1,
    promoted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.cluster IS 'epoch is raised at every promotion and rides on every write, so that a returning old primary is refused.';
INSERT INTO desk.cluster DEFAULT VALUES;

-- ---- the SLA scheduler's only way to write a ticket ------------------------------------------------------------------------------

CREATE FUNCTION desk.sla_fire(p_ticket uuid, p_target text, p_generation int, p_actor text, p_ordinal int)
    RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    t desk.ticket%ROWTYPE;
    c desk.clock%ROWTYPE;
    v_now timestamptz;
    v_type text;
    v_data jsonb;
    v_hash bytea;
BEGIN
    SELECT * INTO t FROM desk.ticket WHERE id = p_ticket FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 'busy';
    END IF;
    v_now := greatest(clock_timestamp(), t.updated_at);
    SELECT * INTO c FROM desk.clock WHERE ticket_id = p_ticket AND target = p_target AND generation = p_generation AND fire_at <= v_now FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'stale';
    END IF;
    IF v_now >= c.due_at THEN
        v_type := 'sla.breached';
        UPDATE desk.clock SET breached_at = v_now, fire_at = NULL, generation = generation + 1 WHERE ticket_id = p_ticket AND target = p_target;
    ELSE
        v_type := 'sla.warned';
        UPDATE desk.clock SET warned_at = v_now, fire_at = due_at, generation = generation + 1 WHERE ticket_id = p_ticket AND target = p_target;
    END IF;
    v_data := jsonb_build_object('target', p_target, 'due_at', desk.rfc3339(c.due_at), 'late_ms',
        greatest(0, (extract(epoch FROM v_now - c.fire_at) * 1000)::bigint));
    v_hash := desk.event_hash(t.event_hash, t.id, t.event_seq + 1, v_type, v_now, p_actor, v_data);
    UPDATE desk.ticket SET event_seq = event_seq + 1, event_hash = v_hash, updated_at = v_now WHERE id = t.id;
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
        VALUES (desk.feed_position(p_ordinal), t.id, t.event_seq + 1, v_type, v_now, p_actor, false, v_data, v_hash);
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data)
        VALUES (desk.feed_position(p_ordinal), t.id, t.event_seq + 1, v_type, v_data);
    RETURN v_type;
END $$;
COMMENT ON FUNCTION desk.sla_fire IS
    'Fires what is due on one clock, once: compare-and-set on generation and database time; event and outbox in the same transaction. Past the due time the warning is dropped and the breach fires. Returns sla.warned, sla.breached, stale (somebody else did, or the clock moved) or busy (the ticket is locked; the next sweep comes). p_ordinal must differ between calls of one transaction.';
REVOKE ALL ON FUNCTION desk.sla_fire, desk.partitions_ensure FROM PUBLIC;

-- ---- row-level security: deny by default ---------------------------------------------------------------------------------------

CREATE FUNCTION desk.viewer() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('meridian.user_id', true), '')::uuid;
CREATE FUNCTION desk.viewer_teams() RETURNS int[] LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(nullif(current_setting('meridian.teams', true), ''), '{}')::int[];
CREATE FUNCTION desk.viewer_sees(requester uuid, submitter uuid, team int, restricted boolean) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE current_setting('meridian.kind', true)
        WHEN 'system' THEN true
        WHEN 'admin' THEN true
        WHEN 'agent' THEN NOT restricted OR team = ANY (desk.viewer_teams()) OR desk.viewer() IN (requester, submitter)
        WHEN 'lead' THEN NOT restricted OR team = ANY (desk.viewer_teams()) OR desk.viewer() IN (requester, submitter)
        WHEN 'requester' THEN desk.viewer() IN (requester, submitter)
        ELSE false END;
COMMENT ON FUNCTION desk.viewer_sees IS 'Who sees a ticket, by the settings meridian.kind, meridian.user_id and meridian.teams of the transaction. Nothing set: nobody.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ticket', 'ticket_alias', 'event', 'event_default', 'reply', 'note', 'ready', 'clock', 'outbox', 'delivery'] LOOP
        EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE desk.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON desk.%I TO meridian_owner USING (true) WITH CHECK (true)', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['ticket', 'ticket_alias', 'event', 'reply', 'note', 'ready', 'clock', 'outbox'] LOOP
        EXECUTE format('CREATE POLICY router_all ON desk.%I TO meridian_router USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
CREATE POLICY reader ON desk.ticket FOR SELECT TO meridian_intake USING (desk.viewer_sees(requester_id, submitter_id, team_id, restricted));
-- Whoever sees every ticket needs no look at each: the planner may otherwise hash the whole ticket table to answer for a handful of rows.
CREATE POLICY reader ON desk.ticket_alias FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system') OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.event FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR (public OR current_setting('meridian.kind', true) IN ('agent', 'lead')) AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.reply FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system') OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.note FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.ready FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR current_setting('meridian.kind', true) IN ('agent', 'lead')
        AND (team_id = ANY (desk.viewer_teams()) OR team_id IN (SELECT g.id FROM desk.team g WHERE NOT g.restricted)));
CREATE POLICY reader ON desk.clock FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system') OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.outbox FOR SELECT TO meridian_intake USING (current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system'));
CREATE POLICY reader ON desk.delivery FOR SELECT TO meridian_intake USING (current_setting('meridian.kind', true) IN ('lead', 'admin', 'system'));
CREATE POLICY sla_reads ON desk.ticket FOR SELECT TO meridian_sla USING (true);
CREATE POLICY sla_reads ON desk.clock FOR SELECT TO meridian_sla USING (true);
CREATE POLICY notifier_reads ON desk.ticket FOR SELECT TO meridian_notifier USING (true);
CREATE POLICY notifier_reads ON desk.reply FOR SELECT TO meridian_notifier USING (true);
CREATE POLICY notifier_reads ON desk.event FOR SELECT TO meridian_notifier USING (true);
CREATE POLICY notifier_all ON desk.outbox TO meridian_notifier USING (true) WITH CHECK (true);
CREATE POLICY notifier_all ON desk.delivery TO meridian_notifier USING (true) WITH CHECK (true);
CREATE POLICY report_reads ON desk.ticket FOR SELECT TO meridian_report USING (NOT restricted);
CREATE POLICY report_reads ON desk.event FOR SELECT TO meridian_report USING (EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY report_reads ON desk.clock FOR SELECT TO meridian_report USING (EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY report_reads ON desk.ready FOR SELECT TO meridian_report USING (EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));

-- ---- rights ------------------------------------------------------------------------------------------------------------------

GRANT SELECT ON desk.region, desk.app_user, desk.team, desk.team_member, desk.session, desk.ticket, desk.ticket_alias, desk.event,
    desk.reply, desk.note, desk.ready, desk.sla_target, desk.clock, desk.outbox, desk.delivery, desk.delivery_attempt, desk.instance, desk.cluster
    TO meridian_intake;
GRANT SELECT ON ALL TABLES IN SCHEMA desk TO meridian_router;
REVOKE ALL ON desk.webhook_endpoint, desk.delivery, desk.delivery_attempt FROM meridian_router;
GRANT INSERT, UPDATE ON desk.ticket, desk.clock TO meridian_router;
GRANT INSERT ON desk.ticket_alias, desk.event, desk.reply, desk.note, desk.outbox, desk.number_block TO meridian_router;
GRANT INSERT, UPDATE, DELETE ON desk.ready, desk.session, desk.command, desk.instance TO meridian_router;
GRANT UPDATE (next_number) ON desk.region TO meridian_router;
GRANT EXECUTE ON FUNCTION desk.partitions_ensure TO meridian_router;
GRANT SELECT ON desk.ticket, desk.clock, desk.sla_target, desk.cluster, desk.instance TO meridian_sla;
GRANT EXECUTE ON FUNCTION desk.sla_fire TO meridian_sla;
GRANT SELECT ON desk.region, desk.app_user, desk.team, desk.team_member, desk.ticket, desk.reply, desk.event, desk.cluster, desk.instance TO meridian_notifier;
GRANT SELECT, UPDATE ON desk.webhook_endpoint TO meridian_notifier;
GRANT SELECT, DELETE ON desk.outbox TO meridian_notifier;
-- FOR UPDATE SKIP LOCKED asks for the right to update some column; this one is GENERATED ALWAYS, so nothing can be changed with it.
GRANT UPDATE (id) ON desk.outbox TO meridian_notifier;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.delivery, desk.delivery_attempt TO meridian_notifier;

-- ---- meridian_api: stable views -------------------------------------------------------------------------------------------------

CREATE VIEW meridian_api.ticket WITH (security_invoker) AS
    SELECT t.number, t.subject, t.state, t.priority, t.impact, t.urgency, t.service, t.language, t.channel, t.region, g.slug AS team, g.tier,
           r.login AS requester, o.login AS owner, t.owner_region, t.accepted_at, t.created_at, t.first_response_at, t.resolved_at, t.closed_at, t.reopened
    FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id JOIN desk.app_user r ON r.id = t.requester_id LEFT JOIN desk.app_user o ON o.id = t.owner_id;
COMMENT ON VIEW meridian_api.ticket IS 'One row per ticket that is not restricted.';
COMMENT ON COLUMN meridian_api.ticket.number IS 'Human number, unique for ever, e.g. EU-1048576.';
COMMENT ON COLUMN meridian_api.ticket.subject IS 'What it is about, as the requester wrote it.';
COMMENT ON COLUMN meridian_api.ticket.state IS 'new, open, pending, resolved, closed or cancelled.';
COMMENT ON COLUMN meridian_api.ticket.priority IS '1 (most urgent) to 4, from impact and urgency.';
COMMENT ON COLUMN meridian_api.ticket.impact IS '1 high, 2 medium, 3 low.';
COMMENT ON COLUMN meridian_api.ticket.urgency IS '1 high, 2 medium, 3 low.';
COMMENT ON COLUMN meridian_api.ticket.service IS 'Service named at submission; may be null.';
COMMENT ON COLUMN meridian_api.ticket.language IS 'Language of the requester: en or zh.';
COMMENT ON COLUMN meridian_api.ticket.channel IS 'How it came in: api, portal, mail ...';
COMMENT ON COLUMN meridian_api.ticket.region IS 'Region that accepted it.';
COMMENT ON COLUMN meridian_api.ticket.team IS 'Team it belongs to now.';
COMMENT ON COLUMN meridian_api.ticket.tier IS 'Tier of that team: 1, 2 or 3.';
COMMENT ON COLUMN meridian_api.ticket.requester IS 'Sign-in name of the requester.';
COMMENT ON COLUMN meridian_api.ticket.owner IS 'Sign-in name of the owner; null when nobody owns it.';
COMMENT ON COLUMN meridian_api.ticket.owner_region IS 'Region of the owner.';
COMMENT ON COLUMN meridian_api.ticket.accepted_at IS 'When the submission was accepted (durable); SLA clocks start here.';
COMMENT ON COLUMN meridian_api.ticket.created_at IS 'When it reached the primary.';
COMMENT ON COLUMN meridian_api.ticket.first_response_at IS 'First public reply of an agent.';
COMMENT ON COLUMN meridian_api.ticket.resolved_at IS 'Last resolution; null when open.';
COMMENT ON COLUMN meridian_api.ticket.closed_at IS 'When confirmed, closed or cancelled.';
COMMENT ON COLUMN meridian_api.ticket.reopened IS 'How often it was reopened.';

CREATE VIEW meridian_api.event WITH (security_invoker) AS
    SELECT e.position, t.number, e.seq, e.type, e.at, e.actor, e.data FROM desk.event e JOIN desk.ticket t ON t.id = e.ticket_id;
COMMENT ON VIEW meridian_api.event IS 'Everything that happened to those tickets, in order of position.';
COMMENT ON COLUMN meridian_api.event.position IS 'Durable order over all tickets.';
COMMENT ON COLUMN meridian_api.event.number IS 'Ticket.';
COMMENT ON COLUMN meridian_api.event.seq IS 'Gapless order within the ticket, from 1.';
COMMENT ON COLUMN meridian_api.event.type IS 'What happened, past tense: ticket.created, ticket.claimed, sla.breached ...';
COMMENT ON COLUMN meridian_api.event.at IS 'When, by the primary''s clock.';
COMMENT ON COLUMN meridian_api.event.actor IS 'Sign-in name, or system:<service>.';
COMMENT ON COLUMN meridian_api.event.data IS 'Details, without message texts.';

CREATE VIEW meridian_api.clock WITH (security_invoker) AS
    SELECT t.number, c.target, c.state, c.started_at, c.target_s, c.due_at, c.remaining_s, c.warned_at, c.breached_at, c.stopped_at
    FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id;
COMMENT ON VIEW meridian_api.clock IS 'SLA clocks: one row per ticket and target.';
COMMENT ON COLUMN meridian_api.clock.number IS 'Ticket.';
COMMENT ON COLUMN meridian_api.clock.target IS 'first_response or resolve.';
COMMENT ON COLUMN meridian_api.clock.state IS 'running, paused, met or cancelled; breached_at tells whether it was late.';
COMMENT ON COLUMN meridian_api.clock.started_at IS 'When it began to count.';
COMMENT ON COLUMN meridian_api.clock.target_s IS 'Allowed time in seconds.';
COMMENT ON COLUMN meridian_api.clock.due_at IS 'Deadline while running; null while paused.';
COMMENT ON COLUMN meridian_api.clock.remaining_s IS 'What was left when it was paused or stopped.';
COMMENT ON COLUMN meridian_api.clock.warned_at IS 'When the warning fired.';
COMMENT ON COLUMN meridian_api.clock.breached_at IS 'When it breached; null when it did not.';
COMMENT ON COLUMN meridian_api.clock.stopped_at IS 'When it was met or cancelled.';

CREATE VIEW meridian_api.queue WITH (security_invoker) AS
    SELECT t.number, g.slug AS team, q.priority, q.due_at, q.created_at FROM desk.ready q JOIN desk.ticket t ON t.id = q.ticket_id JOIN desk.team g ON g.id = q.team_id;
COMMENT ON VIEW meridian_api.queue IS 'Tickets that may be claimed now; claim order is priority, due_at.';
COMMENT ON COLUMN meridian_api.queue.number IS 'Ticket.';
COMMENT ON COLUMN meridian_api.queue.team IS 'Team that may claim it.';
COMMENT ON COLUMN meridian_api.queue.priority IS '1 to 4.';
COMMENT ON COLUMN meridian_api.queue.due_at IS 'Earliest deadline of its clocks.';
COMMENT ON COLUMN meridian_api.queue.created_at IS 'When it was created.';

GRANT SELECT ON ALL TABLES IN SCHEMA meridian_api TO meridian_report;
GRANT USAGE ON SCHEMA desk TO meridian_report;
GRANT SELECT ON desk.ticket, desk.event, desk.clock, desk.ready, desk.team, desk.app_user TO meridian_report;
RESET ROLE;
