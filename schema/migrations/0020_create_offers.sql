-- Why: a ticket may be offered to one agent, who accepts or declines within a time; until then it belongs to nobody else. Who takes offers is said by
--      presence. An open ticket has exactly one of owner, open offer, row in the queue: the row of the ticket knows the first two, so that whoever holds its
--      lock knows all three.
-- Locks: ACCESS EXCLUSIVE on desk.ticket and desk.outbox for a moment; the rows of the outbox, which are few, are written anew.
-- Rollout: expand. Routers of the former release see an offered ticket as one that waits in no queue. One that is claimed by its number, or cancelled there,
--      is refused by ticket_offered, and told so as a failure of the database: apply no team that offers before all routers are of this release.
SET ROLE meridian_owner;

-- ---- presence ----------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.presence (
    user_id uuid PRIMARY KEY REFERENCES desk.app_user,
    state text NOT NULL CHECK (state IN ('available', 'busy', 'away', 'offline')),
    since timestamptz NOT NULL,
    until timestamptz CHECK (state <> 'offline'),
    reason text,
    said_by text NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE desk.presence IS 'Whether somebody takes offers, as was said last. Without a row: offline. Claims never ask.';
COMMENT ON COLUMN desk.presence.until IS 'From then on who was available is offline, and who was busy or away is available.';

CREATE FUNCTION desk.presence_now(state text, until timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN state IS NULL THEN 'offline' WHEN until IS NULL OR until > clock_timestamp() THEN state
        WHEN state = 'available' THEN 'offline' ELSE 'available' END;
COMMENT ON FUNCTION desk.presence_now IS 'What a presence has become: see desk.presence.until.';
CREATE FUNCTION desk.presence_json(p desk.presence) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('state', desk.presence_now(p.state, p.until),
        'since', desk.rfc3339(CASE WHEN p.until <= clock_timestamp() THEN p.until ELSE p.since END),
        'until', CASE WHEN p.until > clock_timestamp() THEN desk.rfc3339(p.until) END,
        'reason', CASE WHEN p.until <= clock_timestamp() THEN NULL ELSE p.reason END, 'said_by', p.said_by);
COMMENT ON FUNCTION desk.presence_json IS 'A presence as the API shows it; that of a row that is not there is offline.';

-- ---- offers ------------------------------------------------------------------------------------------------------------------

CREATE TABLE desk.offer (
    id uuid PRIMARY KEY,
    ticket_id uuid NOT NULL, -- no foreign key: tickets are never deleted
    kind text NOT NULL CHECK (kind IN ('offer', 'handover')),
    user_id uuid NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > made_at),
    note json,
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

-- ---- claims: as before, but for what has been offered since the queue was read -------------------------------------------------

CREATE OR REPLACE FUNCTION desk.claim_next(p_claims json)
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
