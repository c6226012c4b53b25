-- Why: service levels are a plan with a version: policies, targets, calendars. Each ticket keeps the plan it was created under, so that its clocks can be
--      computed again from its events. Targets get any name, and a clock may come again (cycles): the next reply, the next update.
-- Locks: desk.clock exclusively while its key is made anew (seconds for a million clocks); it is done by one statement, and writers wait.
-- Rollout: expand. Routers of the former release go on reading desk.sla_target, which the first plan repeats and a later migration drops; the clocks
--      that they write are those of that plan.
SET ROLE meridian_owner;

CREATE TABLE desk.sla_plan (
    version bigint PRIMARY KEY CHECK (version > 0),
    document jsonb NOT NULL,
    calendar_versions jsonb NOT NULL,
    tzdata text NOT NULL,
    minds_claims boolean NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL
);
COMMENT ON TABLE desk.sla_plan IS 'Plans of service levels, as docs/how-to/sla.md describes them; never changed, the highest version is in force for new tickets.';
COMMENT ON COLUMN desk.sla_plan.calendar_versions IS 'By name of the calendar: the version of the plan that brought it in this form.';
COMMENT ON COLUMN desk.sla_plan.tzdata IS 'The rules of zones that its author''s router had.';
COMMENT ON COLUMN desk.sla_plan.minds_claims IS 'A claim can move a clock of it or begin an escalation.';
CREATE TRIGGER sla_plan_append_only BEFORE UPDATE OR DELETE ON desk.sla_plan FOR EACH ROW EXECUTE FUNCTION desk.refuse_change();

INSERT INTO desk.sla_plan (version, document, calendar_versions, tzdata, minds_claims, applied_by)
SELECT 1, jsonb_build_object('policies', jsonb_agg(jsonb_build_object('name', 'P' || p.priority, 'when', jsonb_build_object('priority', p.priority),
                                                                      'targets', p.targets) ORDER BY p.priority)), '{}', 'unknown', false, 'system:migration'
FROM (SELECT s.priority, jsonb_object_agg(s.target, jsonb_build_object('amount', s.seconds, 'warn_percent', s.warn_percent)) AS targets
      FROM desk.sla_target s GROUP BY s.priority) p;
COMMENT ON TABLE desk.sla_target IS 'Of the former release; see desk.sla_plan.';

ALTER TABLE desk.clock ADD cycle int NOT NULL DEFAULT 1 CHECK (cycle > 0), DROP CONSTRAINT clock_target_check,
    ADD CONSTRAINT clock_target_check CHECK (target ~ '^[A-Za-z0-9_-]{1,63}$'),
    DROP CONSTRAINT clock_pkey, ADD PRIMARY KEY (ticket_id, target, cycle);
COMMENT ON COLUMN desk.clock.cycle IS 'A target may begin anew after it was met; the last cycle is the present one, the ones before have ended and never move.';

-- As before, but that it names the cycle and moves no other. Of one target only the last cycle can be due.
CREATE OR REPLACE FUNCTION desk.sla_fire(p_ticket uuid, p_target text, p_generation int, p_actor text, p_ordinal int)
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
        UPDATE desk.clock SET breached_at = v_now, fire_at = NULL, generation = generation + 1 WHERE ticket_id = p_ticket AND target = p_target AND cycle = c.cycle;
    ELSE
        v_type := 'sla.warned';
        UPDATE desk.clock SET warned_at = v_now, fire_at = due_at, generation = generation + 1 WHERE ticket_id = p_ticket AND target = p_target AND cycle = c.cycle;
    END IF;
    v_data := jsonb_build_object('target', p_target, 'due_at', desk.rfc3339(c.due_at), 'late_ms',
        greatest(0, (extract(epoch FROM v_now - c.fire_at) * 1000)::bigint));
    IF c.cycle > 1 THEN
        v_data := v_data || jsonb_build_object('cycle', c.cycle);
    END IF;
    v_hash := desk.event_hash(t.event_hash, t.id, t.event_seq + 1, v_type, v_now, p_actor, v_data);
    UPDATE desk.ticket SET event_seq = event_seq + 1, event_hash = v_hash, updated_at = v_now WHERE id = t.id;
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor, public, data, hash)
        VALUES (desk.feed_position(p_ordinal), t.id, t.event_seq + 1, v_type, v_now, p_actor, false, v_data, v_hash);
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data)
        VALUES (desk.feed_position(p_ordinal), t.id, t.event_seq + 1, v_type, v_data);
    RETURN v_type;
END $$;

-- Most plans do not mind claims, and then a claim has nothing to do with clocks. Whoever does not know better is told by getting no row at all.
CREATE FUNCTION desk.claim_next(p_claims json, p_folds boolean)
    RETURNS TABLE (claim int, cluster_epoch bigint, response text, response_hash text, answer text, busy boolean) LANGUAGE plpgsql ROWS 16 AS $$
BEGIN
    IF p_folds OR NOT EXISTS (SELECT FROM desk.sla_plan p WHERE p.minds_claims) THEN
        RETURN QUERY SELECT * FROM desk.claim_next(p_claims);
    END IF;
END $$;
COMMENT ON FUNCTION desk.claim_next(json, boolean) IS
    'As desk.claim_next(json), for a caller who brings the clocks of what it claimed up to date in the same transaction (p_folds), or as long as no plan of service levels minds claims; otherwise nothing happens and no row comes.';
REVOKE ALL ON FUNCTION desk.claim_next(json, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.claim_next(json, boolean) TO meridian_router;

GRANT SELECT ON desk.sla_plan TO meridian_intake, meridian_router, meridian_sla;
GRANT INSERT ON desk.sla_plan TO meridian_router;

CREATE OR REPLACE VIEW meridian_api.clock WITH (security_invoker) AS
    SELECT t.number, c.target, c.state, c.started_at, c.target_s, c.due_at, c.remaining_s, c.warned_at, c.breached_at, c.stopped_at, c.cycle
    FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id;
COMMENT ON VIEW meridian_api.clock IS 'SLA clocks: one row per ticket, target and cycle.';
COMMENT ON COLUMN meridian_api.clock.target IS 'first_response, next_reply, update, resolve, or another name of the plan.';
COMMENT ON COLUMN meridian_api.clock.cycle IS '1, 2 ...: a target may begin anew after it was met.';
RESET ROLE;
