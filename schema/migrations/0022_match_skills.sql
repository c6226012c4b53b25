-- Why: who may take what. What a ticket needs (skills at levels) is decided when it is routed and stays with it; what agents can do, what they speak and how much
--      they carry is in the organisation. Ready tickets of a team that need the same and are in one language are a lane; an agent's lanes are found from a
--      few small rows, and the heads of lanes are in claim order in an index, so that a claim costs the same however many tickets wait. What an agent carries
--      now is counted in an index of open tickets beside desk.owned.
-- Locks: ACCESS EXCLUSIVE on desk.ticket, desk.team, desk.owned and desk.ready until the commit. That is as long as the rows of desk.owned (all tickets that have an
--      owner, also closed ones: the index is made over the open ones) get their priority, those of desk.ready their lane, and its index is made anew: some seconds
--      for 100,000 of each. Submissions rest in the spools meanwhile; claims and commands wait.
-- Rollout: expand. Routers of the former release claim through the same function, so by the same rules; tickets that they make need no skill; a named claim
--      through one of them is not judged.
SET ROLE meridian_owner;

-- ---- what is known ---------------------------------------------------------------------------------------------------------------

ALTER TABLE desk.team ADD claims text NOT NULL DEFAULT 'anybody' CHECK (claims IN ('anybody', 'on_shift'));
COMMENT ON COLUMN desk.team.claims IS 'Who may take its tickets: anybody of the team, or only those whose desk is open.';
ALTER TABLE desk.ticket ADD skills text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN desk.ticket.skills IS 'What its owner must be able to do, as "skill:level", ordered; decided when it was routed.';
GRANT SELECT (skills) ON desk.ticket TO meridian_report;

CREATE TABLE desk.agent (
    user_id uuid PRIMARY KEY REFERENCES desk.app_user,
    skills text[] NOT NULL DEFAULT '{}',
    languages text[] NOT NULL DEFAULT '{}',
    capacity int CHECK (capacity > 0)
);
COMMENT ON TABLE desk.agent IS 'What agents can do, of the organisation in force. Who is not in here has no skill and no limit.';
COMMENT ON COLUMN desk.agent.skills IS 'Every level reached, as "skill:level": "vpn:1", "vpn:2". So whoever has what a ticket needs contains it.';
COMMENT ON COLUMN desk.agent.capacity IS 'Points of open tickets, from which on only P1 is given; null: no limit.';
CREATE TABLE desk.load_weight (
    priority smallint PRIMARY KEY CHECK (priority BETWEEN 1 AND 4),
    points int NOT NULL CHECK (points >= 0)
);
COMMENT ON TABLE desk.load_weight IS 'What an open ticket weighs; of the organisation in force.';
INSERT INTO desk.load_weight (priority, points) VALUES (1, 8), (2, 4), (3, 2), (4, 1);

CREATE FUNCTION desk.skill_map(p_skills text[]) RETURNS json LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(json_object_agg(split_part(s, ':', 1), split_part(s, ':', 2)::int ORDER BY s), '{}') FROM unnest(p_skills) s
$$;
COMMENT ON FUNCTION desk.skill_map IS '{vpn:2} as {"vpn": 2}.';

-- ---- what an agent carries -------------------------------------------------------------------------------------------------------

ALTER TABLE desk.owned ADD priority smallint;
COMMENT ON COLUMN desk.owned.priority IS 'Of the ticket while it is open; null: nothing can be done about it now.';
UPDATE desk.owned o SET priority = t.priority FROM desk.ticket t WHERE t.id = o.ticket_id AND t.state = 'open';
CREATE INDEX owned_open ON desk.owned (owner_id, priority) WHERE priority IS NOT NULL;
GRANT UPDATE (priority) ON desk.owned TO meridian_router;

CREATE OR REPLACE FUNCTION desk.ticket_owned() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_priority smallint := CASE WHEN NEW.state = 'open' THEN NEW.priority END;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.owner_id IS NOT NULL AND OLD.owner_id IS DISTINCT FROM NEW.owner_id THEN
        DELETE FROM desk.owned o WHERE o.owner_id = OLD.owner_id AND o.ticket_id = OLD.id;
    END IF;
    IF NEW.owner_id IS NOT NULL THEN
        INSERT INTO desk.owned (owner_id, ticket_id, priority) VALUES (NEW.owner_id, NEW.id, v_priority)
        ON CONFLICT (owner_id, ticket_id) DO UPDATE SET priority = v_priority;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER ticket_changes_owner ON desk.ticket;
CREATE TRIGGER ticket_changes_owner AFTER UPDATE OF owner_id, state, priority ON desk.ticket FOR EACH ROW
    WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id OR NEW.owner_id IS NOT NULL AND (OLD.state <> NEW.state OR OLD.priority <> NEW.priority))
    EXECUTE FUNCTION desk.ticket_owned();

CREATE FUNCTION desk.agent_load(p_user uuid) RETURNS int LANGUAGE plpgsql STABLE AS $$ -- not SQL, which would be planned at every call
BEGIN
    RETURN (SELECT coalesce(sum(w.points), 0) FROM desk.owned o JOIN desk.load_weight w ON w.priority = o.priority WHERE o.owner_id = p_user AND o.priority IS NOT NULL);
END $$;
COMMENT ON FUNCTION desk.agent_load IS 'Points of the open tickets of an agent. Pending ones weigh nothing: nobody can work on them.';

CREATE FUNCTION desk.agent_lock_key(p_user uuid) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN hashtextextended('desk.agent ' || p_user::text, 0);
COMMENT ON FUNCTION desk.agent_lock_key IS
    'Of the advisory lock that claims, acceptances and the dispatcher hold until the commit for an agent with a capacity, taken before the load is read: of two of them one has counted the other; after the lock of the ticket, or without waiting.';

-- ---- who may take what -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.refusal(p_needs text[], p_priority int, p_claims text, p_skills text[], p_awake boolean, p_full boolean) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN NOT p_needs <@ p_skills THEN 'skills'
                WHEN p_priority = 1 THEN NULL -- around the clock and above every limit
                WHEN p_claims = 'on_shift' AND NOT p_awake THEN 'off_shift'
                WHEN p_full THEN 'capacity' END;
COMMENT ON FUNCTION desk.refusal IS 'What speaks against giving a ticket of a team to a member of it; null: nothing. The one place where that is decided.';

CREATE FUNCTION desk.is_awake(p_user uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ -- one plan, by the index of the user, however many are asked about
BEGIN
    RETURN EXISTS (SELECT FROM desk.agent_desk d JOIN desk.shift s ON s.desk = d.desk AND s.opens_at <= now() AND s.closes_at > now() WHERE d.user_id = p_user);
END $$;
COMMENT ON FUNCTION desk.is_awake IS 'Whether the desk of somebody is open now. Nobody''s who has none.';

CREATE FUNCTION desk.standing(p_user uuid) RETURNS TABLE (skills text[], languages text[], awake boolean, load int, capacity int, is_full boolean) LANGUAGE sql STABLE AS $$
    SELECT coalesce(a.skills, '{}'), coalesce(a.languages, '{}'), desk.is_awake(u.id),
           desk.agent_load(u.id), a.capacity, CASE WHEN a.capacity IS NULL THEN false ELSE desk.agent_load(u.id) >= a.capacity END
    FROM (SELECT p_user AS id) u LEFT JOIN desk.agent a ON a.user_id = u.id
$$;
COMMENT ON FUNCTION desk.standing IS
    'What an agent can do and carries now, and whether their desk is open: one row, also for somebody who is in no organisation. Inlined, so that what is not asked for is not counted.';

CREATE FUNCTION desk.refusal_of(p_user uuid, p_ticket uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT CASE WHEN NOT EXISTS (SELECT FROM desk.team_member m WHERE m.user_id = p_user AND m.team_id = t.team_id) THEN 'team'
                        ELSE desk.refusal(t.skills, t.priority, g.claims, s.skills, s.awake, s.is_full) END
            FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id CROSS JOIN LATERAL desk.standing(p_user) s WHERE t.id = p_ticket);
END $$;
COMMENT ON FUNCTION desk.refusal_of IS
    'What speaks against giving a ticket to somebody: team, skills, off_shift or capacity; null: nothing. Leads and administrators may pick a ticket all the same, but are given none.';

CREATE FUNCTION desk.refusal_facts(p_user uuid, p_ticket uuid) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT json_strip_nulls(json_build_object(
                'refusal', desk.refusal_of(p_user, p_ticket),
                'missing', (SELECT json_agg(json_build_object('skill', n.skill, 'level', n.level,
                                'has', (SELECT max(split_part(h, ':', 2)::int) FROM unnest(s.skills) h WHERE split_part(h, ':', 1) = n.skill)) ORDER BY n.skill)
                            FROM (SELECT split_part(x, ':', 1) AS skill, split_part(x, ':', 2)::int AS level FROM unnest(t.skills) x WHERE x <> ALL (s.skills)) n),
                'on_shift', s.awake,
                'opens_at', CASE WHEN NOT s.awake THEN desk.rfc3339((SELECT min(x.opens_at) FROM desk.agent_desk d JOIN desk.shift x ON x.desk = d.desk
                                                                     WHERE d.user_id = p_user AND x.opens_at > now())) END,
                'load', s.load, 'capacity', s.capacity))
            FROM desk.ticket t CROSS JOIN LATERAL desk.standing(p_user) s WHERE t.id = p_ticket);
COMMENT ON FUNCTION desk.refusal_facts IS 'desk.refusal_of, and what it follows from: the skills that are missing, whether the desk is open, when it opens next, points carried and allowed.';

CREATE FUNCTION desk.pick_check(p_user uuid, p_ticket uuid) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT a.capacity FROM desk.agent a WHERE a.user_id = p_user) IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(desk.agent_lock_key(p_user));
    END IF;
    RETURN CASE WHEN desk.refusal_of(p_user, p_ticket) IS NOT NULL THEN desk.refusal_facts(p_user, p_ticket) END; -- as of after the lock
END $$;
COMMENT ON FUNCTION desk.pick_check IS
    'For whoever gives a ticket, which they have locked, to somebody in this transaction: desk.refusal_facts when something speaks against it, else null, and what they carry is theirs to change until the commit.';

-- ---- lanes -----------------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.lane (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id int NOT NULL REFERENCES desk.team,
    skills text[] NOT NULL,
    language text NOT NULL,
    UNIQUE (team_id, skills, language)
);
COMMENT ON TABLE desk.lane IS 'What is the same for whoever looks for work: a team, the skills needed, a language. Made when a ticket is the first of its kind, never changed; as many as organisations can name.';

ALTER TABLE desk.ready ADD lane_id int;
INSERT INTO desk.lane (team_id, skills, language) SELECT DISTINCT r.team_id, t.skills, t.language FROM desk.ready r JOIN desk.ticket t ON t.id = r.ticket_id;
UPDATE desk.ready r SET lane_id = l.id FROM desk.ticket t, desk.lane l WHERE t.id = r.ticket_id AND l.team_id = r.team_id AND l.skills = t.skills AND l.language = t.language;
ALTER TABLE desk.ready ALTER lane_id SET NOT NULL;
DROP INDEX desk.ready_order;
CREATE INDEX ready_order ON desk.ready (lane_id, priority, due_at, ticket_id);

CREATE FUNCTION desk.ready_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        SELECT l.id INTO NEW.lane_id FROM desk.ticket t JOIN desk.lane l ON l.team_id = NEW.team_id AND l.skills = t.skills AND l.language = t.language
        WHERE t.id = NEW.ticket_id;
        IF FOUND THEN
            RETURN NEW;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('desk.lane')); -- who makes several does not deadlock with another one; then look again
    END LOOP;
    INSERT INTO desk.lane (team_id, skills, language) SELECT NEW.team_id, t.skills, t.language FROM desk.ticket t WHERE t.id = NEW.ticket_id
    RETURNING id INTO NEW.lane_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION desk.ready_lane IS 'Puts a ready ticket into its lane, whoever writes it; the ticket is there already.';
CREATE TRIGGER ready_lane BEFORE INSERT OR UPDATE OF team_id ON desk.ready FOR EACH ROW EXECUTE FUNCTION desk.ready_lane();

CREATE FUNCTION desk.lanes_of(p_claims json, p_waiting bigint) RETURNS TABLE (lane int, team int, urgent bigint, usual bigint, speaking bigint) LANGUAGE sql STABLE AS $$
    SELECT l.id, l.team_id, bit_or(c.bit),
           coalesce(bit_or(c.bit) FILTER (WHERE desk.refusal('{}', 4, l.claims, '{}', c.awake, c.is_full) IS NULL), 0), -- the skills are there
           coalesce(bit_or(c.bit) FILTER (WHERE l.language = ANY (c.languages)), 0)
    FROM (SELECT 1::bigint << x.n AS bit, x.teams, s.*
          FROM json_to_recordset(p_claims) AS x (n int, agent uuid, teams int[]) CROSS JOIN LATERAL desk.standing(x.agent) s
          WHERE p_waiting & (1::bigint << x.n) <> 0 OFFSET 0) c
    CROSS JOIN unnest(c.teams) AS m (team)
    CROSS JOIN LATERAL (SELECT l.id, l.team_id, l.skills, l.language, g.claims FROM desk.lane l JOIN desk.team g ON g.id = l.team_id
                        WHERE l.team_id = m.team AND l.skills <@ c.skills OFFSET 0) l -- OFFSET 0: by the index of the team, however many lanes there are
    GROUP BY l.id, l.team_id
$$;
COMMENT ON FUNCTION desk.lanes_of IS
    'The lanes that give anything to any of these claims, each the bit of its number: who may take its P1 tickets, who may take all of them, who speaks its language.';

-- ---- claims ----------------------------------------------------------------------------------------------------------------------

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
            PERFORM FROM desk.ticket k WHERE k.id = h.ticket_id AND k.team_id = h.team_id AND k.owner_id IS NULL AND k.state IN ('new', 'open')
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
COMMENT ON FUNCTION desk.claim_next(json) IS
    'Claims made at the same time: each gets the first ready ticket of its teams that nothing speaks against (desk.refusal), nobody else holds and no claim before it got, or what its key was answered before. First: by priority, then those in a language that the agent speaks and those past due, then by due time, then by age. Nobody waits for a lock and nobody claims twice. "Nothing is ready" is remembered too, as '''', so that a late second delivery does not claim a ticket that nobody will be told of. One row per claim: its number, the cluster epoch (below the one that the claim knows: nothing happened), what its key was answered and for which hash, else the answer; without any, busy tells whether to try again (all are held by others, or the key is another claim''s of the same call, or somebody with a capacity claims elsewhere) or nothing is ready. Numbers are 0 to 62.';

-- ---- the document ----------------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.organisation_apply_agents(p_document json) RETURNS void LANGUAGE sql
    BEGIN ATOMIC
        UPDATE desk.team g SET claims = coalesce(n.value ->> 'claims', 'anybody')
        FROM json_each(coalesce(p_document -> 'teams', '{}')) n WHERE n.key = g.slug AND g.claims <> coalesce(n.value ->> 'claims', 'anybody');
        UPDATE desk.load_weight w SET points = coalesce((p_document -> 'weights' ->> ('P' || w.priority))::int, 8 >> (w.priority - 1));
        DELETE FROM desk.agent;
        INSERT INTO desk.agent (user_id, skills, languages, capacity)
        SELECT u.id,
               ARRAY(SELECT s.key || ':' || v FROM json_each_text(a.value -> 'skills') s CROSS JOIN generate_series(1, s.value::int) v),
               ARRAY(SELECT json_array_elements_text(a.value -> 'languages')), (a.value ->> 'capacity')::int
        FROM json_each(coalesce(p_document -> 'agents', '{}')) a JOIN desk.app_user u ON u.login = a.key;
    END;
COMMENT ON FUNCTION desk.organisation_apply_agents IS 'Who may take what, of a document: a part of desk.organisation_apply.';
REVOKE ALL ON FUNCTION desk.organisation_apply_agents FROM PUBLIC;

CREATE OR REPLACE FUNCTION desk.organisation_apply(p_version bigint, p_document json, p_shifts json, p_author text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('desk.organisation'));
    INSERT INTO desk.organisation (version, document, applied_by) VALUES (p_version, p_document, p_author);

    INSERT INTO desk.team (id, slug, name_en, name_zh, tier, restricted, minimum, shift_end)
    SELECT coalesce((SELECT max(g.id) FROM desk.team g), 0) + row_number() OVER (), n.key, n.value -> 'title' ->> 'en', n.value -> 'title' ->> 'zh',
           (n.value ->> 'tier')::smallint, coalesce((n.value ->> 'restricted')::boolean, false), coalesce((n.value ->> 'minimum')::int, 1),
           coalesce(n.value ->> 'shift_end', 'keep')
    FROM json_each(coalesce(p_document -> 'teams', '{}')) n WHERE NOT EXISTS (SELECT FROM desk.team g WHERE g.slug = n.key);
    UPDATE desk.team g SET name_en = n.value -> 'title' ->> 'en', name_zh = n.value -> 'title' ->> 'zh', tier = (n.value ->> 'tier')::smallint,
        restricted = coalesce((n.value ->> 'restricted')::boolean, false), minimum = coalesce((n.value ->> 'minimum')::int, 1),
        shift_end = coalesce(n.value ->> 'shift_end', 'keep'), retired_at = NULL
    FROM json_each(coalesce(p_document -> 'teams', '{}')) n WHERE n.key = g.slug;
    UPDATE desk.team g SET retired_at = coalesce(g.retired_at, now())
    WHERE NOT EXISTS (SELECT FROM json_object_keys(coalesce(p_document -> 'teams', '{}')) n (key) WHERE n.key = g.slug);

    DELETE FROM desk.shift;
    DELETE FROM desk.agent_desk;
    DELETE FROM desk.team_desk;
    DELETE FROM desk.desk;
    INSERT INTO desk.desk (name, region) SELECT d.key, d.value ->> 'region' FROM json_each(coalesce(p_document -> 'desks', '{}')) d;
    INSERT INTO desk.team_desk (team_id, desk)
    SELECT g.id, d.name FROM json_each(coalesce(p_document -> 'teams', '{}')) n JOIN desk.team g ON g.slug = n.key
    CROSS JOIN json_array_elements_text(n.value -> 'desks') d (name);
    INSERT INTO desk.agent_desk (user_id, desk)
    SELECT u.id, a.value ->> 'desk' FROM json_each(coalesce(p_document -> 'agents', '{}')) a JOIN desk.app_user u ON u.login = a.key
    WHERE a.value ->> 'desk' IS NOT NULL;

    WITH wanted AS MATERIALIZED (
        SELECT u.id AS user_id, g.id AS team_id FROM json_each(coalesce(p_document -> 'agents', '{}')) a JOIN desk.app_user u ON u.login = a.key
        CROSS JOIN json_array_elements_text(a.value -> 'teams') n (slug) JOIN desk.team g ON g.slug = n.slug
    ), gone AS (
        DELETE FROM desk.team_member m WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.user_id = m.user_id AND w.team_id = m.team_id)
    )
    INSERT INTO desk.team_member (user_id, team_id) SELECT w.user_id, w.team_id FROM wanted w ON CONFLICT DO NOTHING;
    PERFORM desk.organisation_apply_agents(p_document);
    PERFORM desk.shifts_lay(p_version, p_shifts);
END $$;

GRANT SELECT ON desk.agent, desk.load_weight, desk.lane TO meridian_intake, meridian_router;
GRANT INSERT ON desk.lane TO meridian_router;
RESET ROLE;
