-- Why: a ticket may be offered to one agent, who accepts or declines within a time; until then it belongs to nobody else. Who takes offers is said by
--      presence. An open ticket has exactly one of owner, open offer, row in the queue: the row of the ticket knows the first two, so that whoever holds its
--      lock knows all three.
-- Locks: ACCESS EXCLUSIVE on desk.ticket, desk.outbox, desk.team, desk.ready, desk.lane and desk.calendar_feed, SHARE on desk.team_member, until the commit: a moment, but for the rows of the outbox, which are
--      few and written anew, those of tickets that wait and were owned before (waits_since), and an index of the members of teams.
-- Rollout: expand. Routers of the former release see an offered ticket as one that waits in no queue. One that is claimed by its number, or cancelled there,
--      is refused by ticket_offered, and told so as a failure of the database; one that they put back into the queue counts its overflow from when it was made.
--      Apply no team that offers, assigns or overflows before all routers are of this release.
SET ROLE meridian_owner;

-- ---- who lives; what feeds make -------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.pace() RETURNS int LANGUAGE sql STABLE RETURN coalesce(current_setting('meridian.clock_speed', true)::int, 1);
COMMENT ON FUNCTION desk.pace IS 'Seconds of the time of day in one of the machines: 1, but where the clock goes faster for a rehearsal.';
CREATE FUNCTION desk.is_alive(p_seen_at timestamptz) RETURNS boolean LANGUAGE sql STABLE RETURN p_seen_at > now() - interval '10 seconds' * desk.pace();
COMMENT ON FUNCTION desk.is_alive IS 'Whether an instance that gave its last sign of life then counts as there.';

ALTER TABLE desk.calendar_feed ADD made timestamptz[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN desk.calendar_feed.made IS 'When it made versions of the plan, of the last day: past a number of them, more wait for somebody.';

-- ---- presence ----------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.presence (
    user_id uuid PRIMARY KEY REFERENCES desk.app_user,
    state text NOT NULL CHECK (state IN ('available', 'busy', 'away', 'offline')),
    since timestamptz NOT NULL,
    said_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz CHECK (until IS NULL OR state <> 'offline'),
    reason text,
    said_by text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE desk.presence IS 'Whether somebody takes offers, as was said last. Without a row: offline. Claims never ask.';
COMMENT ON COLUMN desk.presence.said_at IS 'When it was said last, also if it was the same as before (then since is older).';
COMMENT ON COLUMN desk.presence.until IS 'From then on who was available is offline, and who was busy or away is available.';

CREATE FUNCTION desk.presence_now(state text, until timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN state IS NULL THEN 'offline' WHEN until IS NULL OR until > now() THEN state
        WHEN state = 'available' THEN 'offline' ELSE 'available' END;
COMMENT ON FUNCTION desk.presence_now IS 'What a presence has become: see desk.presence.until.';
CREATE FUNCTION desk.presence_json(p desk.presence) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('state', desk.presence_now(p.state, p.until),
        'since', desk.rfc3339(CASE WHEN p.until <= now() THEN p.until ELSE p.since END),
        'until', CASE WHEN p.until > now() THEN desk.rfc3339(p.until) END,
        'reason', CASE WHEN p.until <= now() THEN NULL ELSE p.reason END, 'said_by', p.said_by);
CREATE INDEX presence_state ON desk.presence (state, until);
CREATE FUNCTION desk.available() RETURNS TABLE (user_id uuid) LANGUAGE sql STABLE AS $$
    SELECT p.user_id FROM desk.presence p WHERE p.state = 'available' AND desk.presence_now(p.state, p.until) = 'available'
    UNION ALL
    SELECT p.user_id FROM desk.presence p WHERE p.state IN ('busy', 'away') AND p.until <= now()
$$;
COMMENT ON FUNCTION desk.available IS 'Everybody who has become available by desk.presence_now, without a look at all the others.';
CREATE INDEX team_member_of_team ON desk.team_member (team_id, user_id);
COMMENT ON FUNCTION desk.presence_json IS 'A presence as the API shows it; that of a row that is not there is offline.';

-- ---- offers ------------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.offer (
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL, -- no foreign key: tickets are never deleted
    kind text NOT NULL CHECK (kind IN ('offer', 'handover')),
    user_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
    outcome text CHECK (outcome IN ('accepted', 'declined', 'expired', 'withdrawn')),
    reason text,
    answered_at timestamptz CHECK ((answered_at IS NULL) = (outcome IS NULL))
) WITH (fillfactor = 85);
COMMENT ON TABLE desk.offer IS 'Tickets offered to agents, and what came of it. Without an outcome it is open, exactly while desk.ticket.offered_to says so.';
COMMENT ON COLUMN desk.offer.kind IS 'offer: of the dispatcher, which makes one at a time to an agent. handover: of the owner before.';
CREATE UNIQUE INDEX offer_open ON desk.offer (ticket_id) WHERE outcome IS NULL;
CREATE UNIQUE INDEX offer_one_at_a_time ON desk.offer (user_id) WHERE outcome IS NULL AND kind = 'offer';
CREATE INDEX offer_of_user ON desk.offer (user_id, id) WHERE outcome IS NULL;
CREATE INDEX offer_of_ticket ON desk.offer (ticket_id, made_at);

ALTER TABLE desk.ticket ADD offered_to uuid, ADD offered_until timestamptz,
    ADD CONSTRAINT ticket_offered CHECK ((offered_to IS NULL) = (offered_until IS NULL)
        AND (offered_to IS NULL OR owner_id IS NULL AND state IN ('new', 'open'))) NOT VALID; -- nothing is offered yet
COMMENT ON COLUMN desk.ticket.offered_to IS 'It belongs to nobody, waits in no queue, and this agent is asked to take it.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['presence', 'offer'] LOOP
        EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE desk.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON desk.%I TO meridian_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY router_all ON desk.%I TO meridian_router USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON desk.%I TO meridian_router', t);
        EXECUTE format('GRANT SELECT ON desk.%I TO meridian_intake', t);
    END LOOP;
END $$;
CREATE POLICY reader ON desk.presence FOR SELECT TO meridian_intake USING (current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system'));
CREATE POLICY reader ON desk.offer FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR current_setting('meridian.kind', true) IN ('agent', 'lead') AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));

-- An offer is for a minute.
ALTER TABLE desk.outbox DROP COLUMN urgent, -- and its index
    ADD COLUMN urgent boolean NOT NULL GENERATED ALWAYS AS (type LIKE 'sla.%' OR type IN ('escalation.notified', 'ticket.offered') OR data @> '{"priority": 1}') STORED;
CREATE INDEX outbox_urgent ON desk.outbox (id) WHERE urgent;
COMMENT ON COLUMN desk.outbox.urgent IS 'Of a P1, of the clocks, an escalation or an offer: told before everything else.';

-- ---- how tickets find their agents ----------------------------------------------------------------------------------------------

ALTER TABLE desk.team
    ADD mode text NOT NULL DEFAULT 'pull' CHECK (mode IN ('pull', 'offer', 'assign')),
    ADD accept_within int NOT NULL DEFAULT 60 CHECK (accept_within > 0),
    ADD overflow_after int CHECK (overflow_after > 0), ADD overflow_team int REFERENCES desk.team;
COMMENT ON COLUMN desk.team.mode IS 'pull: agents take ready tickets. offer: each is offered to the best agent who is there; assign: who owns it at once. In each of them it may be claimed.';
COMMENT ON COLUMN desk.team.accept_within IS 'How long an offer is open, in seconds.';
COMMENT ON COLUMN desk.team.overflow_after IS 'After so many seconds in the queue a ticket goes to overflow_team or, without one, may be taken by everybody of this team, whatever the shift. Null: never.';

CREATE FUNCTION desk.team_modes_apply(p_document json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_changed int[]; -- teams whose overflow is not as it was
BEGIN
    WITH w AS (
        UPDATE desk.team g SET mode = coalesce(n.value ->> 'mode', 'pull'), accept_within = coalesce((n.value -> 'offer' ->> 'accept_within')::int, 60),
            overflow_after = (n.value -> 'overflow' ->> 'after')::int, overflow_team = (SELECT o.id FROM desk.team o WHERE o.slug = n.value -> 'overflow' ->> 'team')
        FROM json_each(coalesce(p_document -> 'teams', '{}')) n JOIN desk.team b ON b.slug = n.key WHERE b.id = g.id
        RETURNING g.id, g.overflow_after IS DISTINCT FROM b.overflow_after AS changed
    )
    SELECT array_agg(w.id) FILTER (WHERE w.changed) INTO v_changed FROM w;
    IF v_changed IS NOT NULL THEN
        PERFORM desk.overflow_reach(v_changed);
    END IF;
END $$;
COMMENT ON FUNCTION desk.team_modes_apply IS 'How tickets find their agents, of a document whose teams desk.organisation_apply has put in force; also those that wait already.';
REVOKE ALL ON FUNCTION desk.team_modes_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.team_modes_apply TO meridian_router;

CREATE TABLE desk.dispatch (
    ticket_id uuid NOT NULL, -- no foreign key: tickets are never deleted
    event_seq int NOT NULL,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL,
    candidates json NOT NULL,
    PRIMARY KEY (ticket_id, event_seq)
);
COMMENT ON TABLE desk.dispatch IS 'Whom the dispatcher chose, with which event, and among whom: at most ten, the best first. For agents; the event itself tells only what decided.';
CREATE INDEX dispatch_of_user ON desk.dispatch (user_id, at);
ALTER TABLE desk.dispatch ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.dispatch FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON desk.dispatch TO meridian_owner USING (true) WITH CHECK (true);
CREATE POLICY router_all ON desk.dispatch TO meridian_router USING (true) WITH CHECK (true);
CREATE POLICY reader ON desk.dispatch FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR current_setting('meridian.kind', true) IN ('agent', 'lead') AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
GRANT SELECT, INSERT ON desk.dispatch TO meridian_router;
GRANT SELECT ON desk.dispatch TO meridian_intake;

CREATE FUNCTION desk.is_at_home(p_user uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM desk.agent_desk d WHERE d.user_id = p_user) AND NOT desk.is_awake(p_user);
END $$;
COMMENT ON FUNCTION desk.is_at_home IS 'Whether somebody has a desk and it is closed now: then only P1 is given to them, whatever they said and whatever the team asks of claims.';

CREATE TABLE desk.robots (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    hands_off_for int NOT NULL CHECK (hands_off_for >= 0)
);
COMMENT ON TABLE desk.robots IS 'What automatic acts may do; of the organisation in force.';
COMMENT ON COLUMN desk.robots.hands_off_for IS 'For so many seconds they leave alone what a person has decided.';
INSERT INTO desk.robots (hands_off_for) VALUES (900);
GRANT SELECT ON desk.robots TO meridian_intake, meridian_router;
CREATE FUNCTION desk.hands_off() RETURNS interval LANGUAGE sql STABLE
    RETURN (SELECT r.hands_off_for * interval '1 s' FROM desk.robots r);
COMMENT ON FUNCTION desk.hands_off IS 'desk.robots.hands_off_for.';

CREATE FUNCTION desk.turned_down(p_ticket uuid) RETURNS uuid[] LANGUAGE plpgsql STABLE COST 1000000 AS $$ -- the cost: after what is cheaper to ask
BEGIN
    RETURN ARRAY(SELECT o.user_id FROM desk.offer o WHERE o.ticket_id = p_ticket AND o.outcome IN ('declined', 'expired')
                 UNION ALL
                 SELECT CASE WHEN e.type = 'ticket.released' THEN e.actor_id ELSE (SELECT u.id FROM desk.app_user u WHERE u.login = e.data ->> 'from_owner') END
                 FROM desk.event e WHERE e.ticket_id = p_ticket AND e.at > now() - desk.hands_off()
                 AND (e.type = 'ticket.released' OR e.type IN ('ticket.offered', 'ticket.returned') AND e.data ? 'from_owner'));
END $$;
COMMENT ON FUNCTION desk.turned_down IS 'Who is not given a ticket by the desk: who declined or missed it, or gave it back, or had it when it was handed over or returned, a short while ago (desk.hands_off).';

CREATE FUNCTION desk.dispatch_candidates(p_ticket uuid, p_handover boolean DEFAULT false)
    RETURNS TABLE (id uuid, login text, region text, affinity text, speaks boolean, load int, capacity int, share numeric, idle_since timestamptz, rank bigint, why text)
    LANGUAGE plpgsql STABLE ROWS 16 SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    t record;
    v_handler uuid;
    v_linked uuid[];
    v_turned_down uuid[];
BEGIN
    SELECT k.id, k.team_id, k.priority, k.requester_id, k.language INTO t FROM desk.ticket k WHERE k.id = p_ticket;
    SELECT h.owner_id INTO v_handler
    FROM (SELECT k.id, k.owner_id, k.updated_at FROM desk.ticket k WHERE k.requester_id = t.requester_id AND k.id <> t.id ORDER BY k.id DESC LIMIT 20) h
    WHERE h.owner_id IS NOT NULL AND h.updated_at > now() - interval '30 days' ORDER BY h.id DESC LIMIT 1;
    v_linked := ARRAY(SELECT k.owner_id FROM (SELECT l.to_id AS id FROM desk.link l WHERE l.from_id = t.id UNION SELECT l.from_id FROM desk.link l WHERE l.to_id = t.id) o
                      JOIN desk.ticket k ON k.id = o.id WHERE k.owner_id IS NOT NULL);
    v_turned_down := desk.turned_down(t.id);
    RETURN QUERY
    WITH there AS MATERIALIZED (
        SELECT u.id, u.login, u.region, u.language, p.since
        FROM desk.team_member m JOIN desk.presence p ON p.user_id = m.user_id JOIN desk.app_user u ON u.id = m.user_id
        WHERE m.team_id = t.team_id AND u.disabled_at IS NULL AND desk.presence_now(p.state, p.until) = 'available'
          AND NOT EXISTS (SELECT FROM desk.offer o WHERE o.user_id = u.id AND o.outcome IS NULL AND o.kind = 'offer')
          AND (p_handover OR NOT EXISTS (SELECT FROM desk.dispatch d WHERE d.ticket_id = t.id AND d.user_id = u.id))
          AND u.id <> ALL (v_turned_down)
          AND (t.priority = 1 OR NOT desk.is_at_home(u.id)) AND desk.refusal_of(u.id, t.id) IS NULL
    ), scored AS (
        SELECT c.id, c.login, c.region,
               CASE WHEN c.id = v_handler THEN 'requester' WHEN c.id = ANY (v_linked) THEN 'link' END AS affinity,
               t.language = ANY (s.languages) OR s.languages = '{}' AND c.language = t.language AS speaks,
               s.load, s.capacity, round(s.load::numeric / coalesce(s.capacity, 40), 3) AS share,
               greatest(c.since, (SELECT max(d.at) FROM desk.dispatch d WHERE d.user_id = c.id),
                        (SELECT max(k.owned_at) FROM desk.owned w JOIN desk.ticket k ON k.id = w.ticket_id WHERE w.owner_id = c.id AND w.priority IS NOT NULL)) AS idle_since
        FROM there c CROSS JOIN LATERAL desk.standing(c.id) s
    )
    SELECT s.id, s.login, s.region, s.affinity, s.speaks, s.load, s.capacity, s.share, s.idle_since, row_number() OVER w,
           CASE WHEN s.affinity IS NOT NULL THEN s.affinity WHEN lead(s.id) OVER w IS NULL THEN 'only' WHEN s.speaks AND NOT lead(s.speaks) OVER w THEN 'language'
                WHEN s.share < lead(s.share) OVER w THEN 'load' WHEN s.idle_since < lead(s.idle_since) OVER w THEN 'idle' ELSE 'name' END
    FROM scored s WINDOW w AS (ORDER BY s.affinity IS NULL, NOT s.speaks, s.share, s.idle_since, s.login);
END $$;
COMMENT ON FUNCTION desk.dispatch_candidates IS
    'Who may be given a ticket now, ranked: who handled the requester''s last ticket of thirty days or owns a linked one; who speaks its language (without languages in the organisation: that of the account); the least share of the capacity (without one: of 40 points); who has waited longest; by login. why: what put each before the next. Nobody who turned it down; and, but for handovers, which come round again, each once a ticket.';

CREATE FUNCTION desk.candidate_json(login text, affinity text, speaks boolean, load int, capacity int, share numeric, idle_since timestamptz) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object('login', login, 'affinity', affinity, 'speaks', speaks, 'load', load, 'capacity', capacity, 'share', share, 'idle_since', desk.rfc3339(idle_since));
COMMENT ON FUNCTION desk.candidate_json IS 'One of desk.dispatch_candidates as the API shows it.';

-- ---- overflow --------------------------------------------------------------------------------------------------------------------

ALTER TABLE desk.ticket ADD opened_to_all boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN desk.ticket.opened_to_all IS 'Nobody took it in time: until it leaves its team, shifts keep nobody from taking it.';
ALTER TABLE desk.ticket ADD waits_since timestamptz;
COMMENT ON COLUMN desk.ticket.waits_since IS 'Since when it has waited in its team for somebody to take it, offers included; null: since it was made. Says nothing of one that is owned, rests or is over.';
UPDATE desk.ticket t SET waits_since = t.updated_at FROM desk.ready r WHERE r.ticket_id = t.id AND t.epoch > 0; -- came back, nobody knows when
ALTER TABLE desk.ready ADD overflows boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN desk.ready.overflows IS 'Its team has an overflow, so that it has a timer.';
ALTER TABLE desk.lane ADD opened boolean NOT NULL DEFAULT false, DROP CONSTRAINT lane_team_id_skills_language_key, ADD UNIQUE (team_id, skills, language, opened);
COMMENT ON COLUMN desk.lane.opened IS 'Of tickets that are opened to all.';

CREATE OR REPLACE FUNCTION desk.ready_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.overflows := coalesce((SELECT g.overflow_after IS NOT NULL FROM desk.team g WHERE g.id = NEW.team_id), false);
    FOR attempt IN 1 .. 2 LOOP
        SELECT l.id INTO NEW.lane_id FROM desk.ticket t JOIN desk.lane l ON l.team_id = NEW.team_id AND l.skills = t.skills AND l.language = t.language AND l.opened = t.opened_to_all
        WHERE t.id = NEW.ticket_id;
        IF FOUND THEN
            RETURN NEW;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('desk.lane')); -- who makes several does not deadlock with another one; then look again
    END LOOP;
    INSERT INTO desk.lane (team_id, skills, language, opened) SELECT NEW.team_id, t.skills, t.language, t.opened_to_all FROM desk.ticket t WHERE t.id = NEW.ticket_id
    RETURNING id INTO NEW.lane_id;
    RETURN NEW;
END $$;

CREATE FUNCTION desk.ready_overflow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.overflows THEN
        DELETE FROM desk.timer r WHERE r.ticket_id = OLD.ticket_id AND r.name = 'overflow';
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.overflows THEN
        INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
        SELECT t.id, 'overflow', coalesce(t.waits_since, t.created_at) + g.overflow_after * interval '1 s', t.event_seq
        FROM desk.ticket t, desk.team g WHERE t.id = NEW.ticket_id AND g.id = NEW.team_id AND NOT t.opened_to_all
        ON CONFLICT (ticket_id, name) DO UPDATE SET fire_at = excluded.fire_at, generation = excluded.generation;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION desk.ready_overflow IS 'Arms the timer of a ticket that enters the queue of a team with an overflow, and cancels it when it leaves, whoever does it; who comes back from an offer comes back to the same instant. Schedulers find it without a hint.';
CREATE TRIGGER ready_arms_overflow AFTER INSERT ON desk.ready FOR EACH ROW WHEN (NEW.overflows) EXECUTE FUNCTION desk.ready_overflow();
CREATE TRIGGER ready_moves_overflow AFTER UPDATE OF team_id ON desk.ready FOR EACH ROW WHEN (OLD.team_id <> NEW.team_id) EXECUTE FUNCTION desk.ready_overflow();
CREATE TRIGGER ready_cancels_overflow AFTER DELETE ON desk.ready FOR EACH ROW WHEN (OLD.overflows) EXECUTE FUNCTION desk.ready_overflow();

CREATE FUNCTION desk.overflow_reach(p_teams int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.ready r SET overflows = g.overflow_after IS NOT NULL
    FROM (SELECT q.ticket_id FROM desk.lane l JOIN desk.ready q ON q.lane_id = l.id WHERE l.team_id = ANY (p_teams) FOR UPDATE OF q SKIP LOCKED) w, desk.team g
    WHERE r.ticket_id = w.ticket_id AND g.id = r.team_id AND r.overflows <> (g.overflow_after IS NOT NULL); -- what is locked leaves, or has its timer all the same
    DELETE FROM desk.timer x USING desk.lane l JOIN desk.team g ON g.id = l.team_id JOIN desk.ready q ON q.lane_id = l.id
    WHERE l.team_id = ANY (p_teams) AND g.overflow_after IS NULL AND x.ticket_id = q.ticket_id AND x.name = 'overflow';
    INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
    SELECT t.id, 'overflow', coalesce(t.waits_since, t.created_at) + g.overflow_after * interval '1 s', t.event_seq
    FROM desk.lane l JOIN desk.team g ON g.id = l.team_id JOIN desk.ready q ON q.lane_id = l.id JOIN desk.ticket t ON t.id = q.ticket_id
    WHERE l.team_id = ANY (p_teams) AND g.overflow_after IS NOT NULL AND NOT t.opened_to_all
    ORDER BY t.id
    ON CONFLICT (ticket_id, name) DO UPDATE SET fire_at = excluded.fire_at, generation = excluded.generation;
END $$;
COMMENT ON FUNCTION desk.overflow_reach IS 'Teams whose overflow is another one now: their tickets that wait count by it, from when they began to wait. One that is due by that goes at once.';
REVOKE ALL ON FUNCTION desk.overflow_reach FROM PUBLIC;

CREATE FUNCTION desk.overflow_catch_up(p_most int) RETURNS TABLE (ticket_id uuid) LANGUAGE plpgsql AS $$
BEGIN
    FOR ticket_id IN
        SELECT q.ticket_id FROM (SELECT g.id FROM desk.team g WHERE g.overflow_after IS NOT NULL AND g.retired_at IS NULL OFFSET 0) g
        CROSS JOIN LATERAL (SELECT l.id FROM desk.lane l WHERE l.team_id = g.id AND NOT l.opened OFFSET 0) l
        CROSS JOIN LATERAL (SELECT r.ticket_id FROM desk.ready r WHERE r.lane_id = l.id AND NOT r.overflows OFFSET 0) q LIMIT p_most
    LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM desk.ticket t WHERE t.id = overflow_catch_up.ticket_id FOR UPDATE SKIP LOCKED); -- with the next round
        UPDATE desk.ready r SET overflows = true WHERE r.ticket_id = overflow_catch_up.ticket_id;
        CONTINUE WHEN NOT FOUND;
        INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
        SELECT t.id, 'overflow', coalesce(t.waits_since, t.created_at) + g.overflow_after * interval '1 s', t.event_seq
        FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id WHERE t.id = overflow_catch_up.ticket_id AND g.overflow_after IS NOT NULL
        ON CONFLICT ON CONSTRAINT timer_pkey DO NOTHING;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION desk.overflow_catch_up IS 'Tickets that came into the queue while the organisation that gives their team an overflow was just being committed, which overflow_reach could not see. Each is locked before its row in the queue.';

-- ---- who may take what, as before, but for what has been opened to all or is offered to them; claims, but for what has been offered since the queue was read -----------------

CREATE OR REPLACE FUNCTION desk.lanes_of(p_claims json, p_waiting bigint) RETURNS TABLE (lane int, team int, urgent bigint, usual bigint, speaking bigint) LANGUAGE sql STABLE AS $$
    SELECT l.id, l.team_id, bit_or(c.bit),
           coalesce(bit_or(c.bit) FILTER (WHERE desk.refusal('{}', 4, l.claims, '{}', c.awake, c.is_full) IS NULL), 0), -- the skills are there
           coalesce(bit_or(c.bit) FILTER (WHERE l.language = ANY (c.languages)), 0)
    FROM (SELECT 1::bigint << x.n AS bit, x.teams, s.*
          FROM json_to_recordset(p_claims) AS x (n int, agent uuid, teams int[]) CROSS JOIN LATERAL desk.standing(x.agent) s
          WHERE p_waiting & (1::bigint << x.n) <> 0 OFFSET 0) c
    CROSS JOIN unnest(c.teams) AS m (team)
    CROSS JOIN LATERAL (SELECT l.id, l.team_id, l.skills, l.language, CASE WHEN l.opened THEN 'anybody' ELSE g.claims END AS claims FROM desk.lane l JOIN desk.team g ON g.id = l.team_id
                        WHERE l.team_id = m.team AND l.skills <@ c.skills OFFSET 0) l -- OFFSET 0: by the index of the team, however many lanes there are
    GROUP BY l.id, l.team_id
$$;

CREATE OR REPLACE FUNCTION desk.refusal_of(p_user uuid, p_ticket uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN NOT EXISTS (SELECT FROM desk.team_member m WHERE m.user_id = p_user AND m.team_id = t.team_id) THEN 'team'
                        ELSE desk.refusal(t.skills, t.priority, CASE WHEN t.opened_to_all OR t.offered_to = p_user THEN 'anybody' ELSE g.claims END, s.skills, s.awake, s.is_full) END
            FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id CROSS JOIN LATERAL desk.standing(p_user) s WHERE t.id = p_ticket);
END $$;

CREATE OR REPLACE FUNCTION desk.claim_next(p_claims json)
    RETURNS TABLE (claim int, cluster_epoch bigint, response text, response_hash text, answer text, busy boolean) LANGUAGE plpgsql ROWS 16
    SET plan_cache_mode = force_generic_plan AS $$ -- the best plan is always the same, and making it costs more than the claim
DECLARE
    v_epoch bigint;
    v_waiting bigint := 0; -- claims without a ticket, each the bit of its number
    v_held bigint := 0;    -- those that were passed over a ticket because somebody else holds it
    v_keys text[] := '{}'; -- whose answers this call will write
    v_limited uuid[] := '{}'; -- agents of these with a capacity, each once
    v_lanes int[];         -- that may give something to any of them; beside each:
    v_teams int[];         -- its team,
    v_urgent bigint[];     -- to whom its P1 tickets,
    v_usual bigint[];      -- to whom all of them,
    v_speaking bigint[];   -- and who speaks its language
    v_bits bigint[] := '{}';
    v_tickets uuid[] := '{}'; -- beside the bits of those who get them
    v_more int;
    v_one bigint;
    c record;
    h record;
BEGIN
    SELECT k.epoch INTO v_epoch FROM desk.cluster k;
    FOR c IN
        SELECT x.n, x.epoch, x.agent, x.agent || x.key AS key, k.response, encode(k.body_hash, 'hex') AS hash,
               (SELECT a.capacity FROM desk.agent a WHERE a.user_id = x.agent) IS NOT NULL AS limited
        FROM json_to_recordset(p_claims) AS x (n int, epoch bigint, agent uuid, key text)
        LEFT JOIN LATERAL (SELECT d.response, d.body_hash FROM desk.command d WHERE d.user_id = x.agent AND d.key = x.key LIMIT 1) k ON true
    LOOP
        IF c.response IS NOT NULL OR c.epoch > v_epoch OR c.key = ANY (v_keys) THEN
            RETURN QUERY VALUES (c.n, v_epoch, c.response, c.hash, NULL::text, c.response IS NULL);
        ELSIF c.limited AND (c.agent = ANY (v_limited) OR NOT pg_try_advisory_xact_lock(desk.agent_lock_key(c.agent))) THEN
            RETURN QUERY VALUES (c.n, v_epoch, NULL::text, NULL::text, NULL::text, true); -- after the other one has counted
        ELSE
            v_waiting := v_waiting | (1::bigint << c.n);
            v_keys := v_keys || c.key;
            IF c.limited THEN
                v_limited := v_limited || c.agent;
            END IF;
        END IF;
    END LOOP;
    IF v_waiting = 0 THEN
        RETURN;
    END IF;
    SELECT array_agg(l.lane), array_agg(l.team), array_agg(l.urgent), array_agg(l.usual), array_agg(l.speaking) INTO v_lanes, v_teams, v_urgent, v_usual, v_speaking
    FROM desk.lanes_of(p_claims, v_waiting) l;

    -- Each ticket, the most urgent first, goes to the first who wants it; within a priority first to those who speak its language, unless it is past due:
    -- then to anybody. Within a lane that is the order of its index, so as many heads as there are claims that may take them are enough, unless others hold some.
    FOREACH v_more IN ARRAY ARRAY[0, 48] LOOP
        FOR h IN
            SELECT q.ticket_id, l.team AS team_id, p.wanted
            FROM unnest(v_lanes, v_teams, v_urgent, v_usual, v_speaking) AS l (lane, team, urgent, usual, speaking)
            CROSS JOIN LATERAL (SELECT r.ticket_id, r.priority, r.due_at FROM desk.ready r -- all of it is in the index
                                WHERE r.lane_id = l.lane AND r.priority <= CASE WHEN l.usual = 0 THEN 1 ELSE 4 END
                                ORDER BY r.lane_id, r.priority, r.due_at, r.ticket_id LIMIT bit_count(l.urgent::bit(64)) + v_more) q
            CROSS JOIN LATERAL (SELECT CASE WHEN q.priority = 1 THEN l.urgent ELSE l.usual END AS able,
                                       CASE WHEN q.due_at <= now() THEN -1 ELSE l.speaking END AS preferring) m
            CROSS JOIN LATERAL (VALUES (false, m.able & m.preferring), (true, m.able & ~m.preferring)) p (later, wanted)
            WHERE p.wanted <> 0
            ORDER BY q.priority, p.later, q.due_at, q.ticket_id
        LOOP
            EXIT WHEN v_waiting = 0;
            v_one := v_waiting & h.wanted;
            CONTINUE WHEN v_one = 0 OR h.ticket_id = ANY (v_tickets);
            PERFORM FROM desk.ticket k WHERE k.id = h.ticket_id AND k.team_id = h.team_id AND k.owner_id IS NULL AND k.offered_to IS NULL AND k.state IN ('new', 'open')
                FOR NO KEY UPDATE SKIP LOCKED;
            IF FOUND THEN
                v_one := v_one & -v_one; -- the lowest
                v_waiting := v_waiting & ~v_one;
                v_bits := v_bits || v_one;
                v_tickets := v_tickets || h.ticket_id;
            ELSE
                v_held := v_held | v_one;
            END IF;
        END LOOP;
        EXIT WHEN v_waiting & v_held = 0;
    END LOOP;

    IF v_waiting <> 0 THEN
        INSERT INTO desk.command (user_id, key, body_hash, response)
        SELECT x.agent, x.key, decode(x.hash, 'hex'), '' FROM json_to_recordset(p_claims) AS x (n int, agent uuid, key text, hash text)
        WHERE (1::bigint << x.n) & v_waiting & ~v_held <> 0 ORDER BY x.agent, x.key;
        RETURN QUERY SELECT x.n, v_epoch, NULL::text, NULL::text, NULL::text, (1::bigint << x.n) & v_held <> 0
        FROM json_to_recordset(p_claims) AS x (n int) WHERE (1::bigint << x.n) & v_waiting <> 0;
    END IF;
    IF v_tickets = '{}' THEN
        RETURN;
    END IF;
    DELETE FROM desk.ready r WHERE r.ticket_id = ANY (v_tickets); -- whoever changes such a row has locked its ticket
    RETURN QUERY
    WITH given AS MATERIALIZED (
        SELECT x.*, k.id AS ticket_id, s.slug, greatest(clock_timestamp(), k.updated_at) AS at,
               jsonb_build_object('owner', x.login, 'region', x.region, 'epoch', k.epoch + 1, 'state', 'open', 'priority', k.priority, 'team', s.slug)
                   || CASE WHEN k.state <> 'open' THEN jsonb_build_object('from_state', k.state) ELSE '{}' END AS data
        FROM desk.ticket k
        JOIN unnest(v_bits, v_tickets) AS v (bit, id) ON v.id = k.id
        JOIN json_to_recordset(p_claims) AS x (n int, agent uuid, login text, region text, key text, hash text, trace text) ON 1::bigint << x.n = v.bit
        CROSS JOIN LATERAL (SELECT (SELECT g.slug FROM desk.team g WHERE g.id = k.team_id) AS slug) s
        WHERE k.id = ANY (v_tickets)
    ), w AS (
        UPDATE desk.ticket AS k SET
            state = 'open', owner_id = v.agent, owner_region = v.region, owned_at = v.at, epoch = k.epoch + 1, updated_at = v.at, event_seq = k.event_seq + 1,
            event_hash = desk.event_hash(k.event_hash, k.id, k.event_seq + 1, 'ticket.claimed', v.at, v.login, v.data)
        FROM given v WHERE k.id = ANY (v_tickets) AND v.ticket_id = k.id
        RETURNING v.*, k.event_seq, k.event_hash, desk.ticket_answer(k.*, v.slug,
            (SELECT json_build_object('login', o.login, 'name', o.name, 'region', v.region) FROM desk.app_user o WHERE o.id = v.agent),
            (SELECT json_build_object('login', r.login, 'name', r.name) FROM desk.app_user r WHERE r.id = k.requester_id))::text AS answer
    ), e AS (
        INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
        SELECT desk.feed_position(w.n), w.ticket_id, w.event_seq, 'ticket.claimed', w.at, w.agent, w.login, true, w.data, w.event_hash FROM w
    ), o AS (
        INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data, trace_id)
        SELECT desk.feed_position(w.n), w.ticket_id, w.event_seq, 'ticket.claimed', w.data, w.trace FROM w
    ), k AS (
        INSERT INTO desk.command (user_id, key, body_hash, response)
        SELECT w.agent, w.key, decode(w.hash, 'hex'), w.answer FROM w ORDER BY w.agent, w.key -- two calls with the same keys do not deadlock
    )
    SELECT w.n, v_epoch, NULL::text, NULL::text, w.answer, false FROM w;
END $$;
RESET ROLE;
