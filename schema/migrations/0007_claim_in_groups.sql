-- Why: a claim spent most of its time in starting one large statement, and in the six indexes of desk.ticket, which all took a new entry because the owner was
--      in one. Now those who claim at the same time share one call, and who owns what is a small table of its own; what is owned already is copied by
--      0012, and the index goes with 0013.
-- Locks: SHARE ROW EXCLUSIVE on desk.ticket, briefly: nothing is copied here.
-- Rollout: expand; routers of the former release claim as before.
SET ROLE meridian_owner;

-- ---- who owns what -----------------------------------------------------------------------------------------------------------

CREATE TABLE desk.owned (
    owner_id uuid NOT NULL,
    ticket_id uuid NOT NULL, -- no foreign key: a trigger of the ticket writes it; tickets are never deleted
    PRIMARY KEY (owner_id, ticket_id)
);
COMMENT ON TABLE desk.owned IS 'The tickets of each owner, newest last: an index of desk.ticket (owner_id, id), beside it so that a claim changes nothing that the ticket''s own indexes hold.';
ALTER TABLE desk.owned ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.owned FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON desk.owned TO meridian_owner USING (true) WITH CHECK (true);
CREATE POLICY router_all ON desk.owned TO meridian_router USING (true) WITH CHECK (true);
CREATE POLICY reader ON desk.owned FOR SELECT TO meridian_intake USING (current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system'));
GRANT SELECT ON desk.owned TO meridian_intake, meridian_router;
GRANT INSERT, DELETE ON desk.owned TO meridian_router;

CREATE FUNCTION desk.ticket_owned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.owner_id IS NOT NULL THEN
        DELETE FROM desk.owned o WHERE o.owner_id = OLD.owner_id AND o.ticket_id = OLD.id;
    END IF;
    IF NEW.owner_id IS NOT NULL THEN
        INSERT INTO desk.owned (owner_id, ticket_id) VALUES (NEW.owner_id, NEW.id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION desk.ticket_owned IS 'Keeps desk.owned true, whoever writes the ticket.';
CREATE TRIGGER ticket_gets_owner AFTER INSERT ON desk.ticket FOR EACH ROW WHEN (NEW.owner_id IS NOT NULL) EXECUTE FUNCTION desk.ticket_owned();
CREATE TRIGGER ticket_changes_owner AFTER UPDATE OF owner_id ON desk.ticket FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id)
    EXECUTE FUNCTION desk.ticket_owned();

-- ---- what a write answers ------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.ticket_answer(t desk.ticket, team text, owner json, requester json) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object(
        'number', t.number, 'key', t.client_key, 'subject', t.subject, 'description', t.description, 'state', t.state, 'priority', t.priority,
        'impact', t.impact, 'urgency', t.urgency, 'team', team, 'owner', owner, 'epoch', t.epoch, 'version', t.event_seq, 'requester', requester,
        'pending_reason', t.pending_reason, 'pending_until', desk.rfc3339(t.pending_until), 'updated_at', desk.rfc3339(t.updated_at));
COMMENT ON FUNCTION desk.ticket_answer(desk.ticket, text, json, json) IS
    'What every write of a ticket answers, from what its caller has looked up. Without a sub-select, so that it is inlined.';
CREATE OR REPLACE FUNCTION desk.ticket_answer(t desk.ticket) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN desk.ticket_answer(t, (SELECT g.slug FROM desk.team g WHERE g.id = t.team_id),
        (SELECT json_build_object('login', o.login, 'name', o.name, 'region', t.owner_region) FROM desk.app_user o WHERE o.id = t.owner_id),
        (SELECT json_build_object('login', r.login, 'name', r.name) FROM desk.app_user r WHERE r.id = t.requester_id));
END $$;

-- ---- claims --------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.claim_next(p_claims json)
    RETURNS TABLE (claim int, cluster_epoch bigint, response text, response_hash text, answer text, busy boolean) LANGUAGE plpgsql ROWS 16 AS $$
DECLARE
    v_epoch bigint;
    v_waiting bigint := 0; -- claims without a ticket, each the bit of its number
    v_held bigint := 0;    -- those that were passed over a ticket because somebody else holds it
    v_keys text[] := '{}'; -- whose answers this call will write
    v_bits bigint[] := '{}';
    v_tickets uuid[] := '{}'; -- beside the bits of those who get them
    v_depth int;
    v_one bigint;
    c record;
    h record;
BEGIN
    SELECT k.epoch INTO v_epoch FROM desk.cluster k;
    FOR c IN
        SELECT x.n, x.epoch, x.agent || x.key AS key, k.response, encode(k.body_hash, 'hex') AS hash
        FROM json_to_recordset(p_claims) AS x (n int, epoch bigint, agent uuid, key text)
        LEFT JOIN LATERAL (SELECT d.response, d.body_hash FROM desk.command d WHERE d.user_id = x.agent AND d.key = x.key LIMIT 1) k ON true
    LOOP
        IF c.response IS NOT NULL OR c.epoch > v_epoch OR c.key = ANY (v_keys) THEN
            RETURN QUERY VALUES (c.n, v_epoch, c.response, c.hash, NULL::text, c.response IS NULL);
        ELSE
            v_waiting := v_waiting | (1::bigint << c.n);
            v_keys := v_keys || c.key;
        END IF;
    END LOOP;

    -- Each ticket, the most urgent first, goes to the first who wants it. As many heads as there are claims are enough, unless others hold some of them.
    FOREACH v_depth IN ARRAY ARRAY[cardinality(v_keys), cardinality(v_keys) + 48] LOOP
        FOR h IN
            SELECT q.ticket_id, q.team_id, team.wanted
            FROM (SELECT g.id, bit_or(1::bigint << x.n) AS wanted FROM json_to_recordset(p_claims) AS x (n int, teams int[]) CROSS JOIN unnest(x.teams) AS g (id)
                  GROUP BY g.id) team
            CROSS JOIN LATERAL (SELECT r.ticket_id, r.team_id, r.priority, r.due_at FROM desk.ready r WHERE r.team_id = team.id
                                ORDER BY r.team_id, r.priority, r.due_at, r.ticket_id LIMIT v_depth) q
            ORDER BY q.priority, q.due_at, q.ticket_id
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
COMMENT ON FUNCTION desk.claim_next IS
    'Claims made at the same time: each gets the first ready ticket of its teams that nobody else holds and no claim before it got, or what its key was answered before. Nobody waits for a lock and nobody claims twice. "Nothing is ready" is remembered too, as '''', so that a late second delivery does not claim a ticket that nobody will be told of. One row per claim: its number, the cluster epoch (below the one that the claim knows: nothing happened), what its key was answered and for which hash, else the answer; without any, busy tells whether to try again (all are held by others, or the key is another claim''s of the same call) or nothing is ready. Numbers are 0 to 62.';
REVOKE ALL ON FUNCTION desk.claim_next FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.claim_next TO meridian_router;
RESET ROLE;
