-- Why: an agent asks that somebody takes their on-call shift, and another agrees. A plan of service levels never changes, and a new version for each swap
--      would have running tickets keep the old one; so what was agreed is a row of its own, which the evaluator of schedules puts on top of whatever plan
--      is asked. A swap that was taken never changes again: together with decided_at, who was on call at any time, as was known at any time, can be answered
--      for ever. To take one back is another swap. That nobody answered in time follows from from_at and is no state.
-- Locks: none.
-- Rollout: expand. Routers of the former release escalate as if nobody had swapped: swap when all are of this release.
SET ROLE meridian_owner;

CREATE TABLE desk.shift_swap (
    id uuid PRIMARY KEY,
    key text NOT NULL,
    schedule text NOT NULL CHECK (length(schedule) BETWEEN 1 AND 64),
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL CHECK (to_at > from_at),
    asked_by text NOT NULL,
    partner text CHECK (partner <> asked_by),
    asked_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'taken', 'declined', 'withdrawn')),
    decided_by text CHECK ((decided_by IS NULL) = (state = 'asked')),
    decided_at timestamptz CHECK ((decided_at IS NULL) = (state = 'asked')),
    UNIQUE (asked_by, key),
    CHECK (state <> 'taken' OR decided_by <> asked_by)
);
COMMENT ON TABLE desk.shift_swap IS 'On-call shifts that somebody asked others to take, by schedule and logins, and what came of it.';
COMMENT ON COLUMN desk.shift_swap.key IS 'The asker''s: the same request makes one.';
COMMENT ON COLUMN desk.shift_swap.partner IS 'Who is asked; null: anybody in the schedule.';
CREATE INDEX shift_swap_of_schedule ON desk.shift_swap (schedule, to_at);
CREATE INDEX shift_swap_open ON desk.shift_swap (asked_by) WHERE state = 'asked';

-- What was decided stays so.
CREATE FUNCTION desk.keep_decision() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'asked'
       OR (NEW.id, NEW.key, NEW.schedule, NEW.from_at, NEW.to_at, NEW.asked_by, NEW.asked_at, NEW.partner)
          IS DISTINCT FROM (OLD.id, OLD.key, OLD.schedule, OLD.from_at, OLD.to_at, OLD.asked_by, OLD.asked_at, OLD.partner) THEN
        RAISE EXCEPTION 'a swap is decided once and never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER shift_swap_decided_once BEFORE UPDATE OR DELETE ON desk.shift_swap FOR EACH ROW EXECUTE FUNCTION desk.keep_decision();

CREATE FUNCTION desk.shift_swap_json(s desk.shift_swap) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT json_build_object('id', s.id, 'schedule', s.schedule, 'from', desk.rfc3339(s.from_at), 'to', desk.rfc3339(s.to_at), 'asked_by', s.asked_by,
        'partner', s.partner, 'asked_at', desk.rfc3339(s.asked_at), 'state', CASE WHEN s.state = 'asked' AND s.from_at <= now() THEN 'expired' ELSE s.state END,
        'decided_by', s.decided_by, 'decided_at', desk.rfc3339(s.decided_at))
$$;
COMMENT ON FUNCTION desk.shift_swap_json IS 'A swap as the API shows it; one that nobody decided before its shift began has expired.';

GRANT SELECT ON desk.shift_swap TO meridian_intake, meridian_router;
GRANT INSERT, UPDATE (state, decided_by, decided_at) ON desk.shift_swap TO meridian_router;
RESET ROLE;
