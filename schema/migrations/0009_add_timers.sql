-- Why: a ticket has to be woken for more than its SLA clocks: the end of a wait now, closing, surveys and reminders later. Such a timer is a row with a
--      generation, as a clock is; what it means is decided by the router, which owns tickets. Schedulers share their work by leases on 64 shards
--      instead of all going for the same row, and say when they last looked at everything, so that another region notices when none does.
-- Locks: none that matter; reads desk.ticket once.
-- Rollout: expand. A ticket that a router of the former release sets pending meanwhile gets no timer and waits as it did before; a timer of a ticket
--      that such a router woke finds nothing to do.
SET ROLE meridian_owner;

CREATE TABLE desk.timer (
    ticket_id uuid NOT NULL, -- of a ticket that the same transaction writes; tickets are never deleted
    name text NOT NULL CHECK (name ~ '^[a-z][a-z_]{0,30}$'),
    fire_at timestamptz NOT NULL,
    generation int NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (ticket_id, name)
) WITH (fillfactor = 80);
COMMENT ON TABLE desk.timer IS 'What a ticket has to be woken for, at most one of each name. The router writes it with the change that needs it and acts when it is due; a scheduler only tells the router when. The row goes with the act.';
COMMENT ON COLUMN desk.timer.generation IS 'The version of the ticket that armed it: rises with every arming, so that a stale call does nothing.';
CREATE INDEX timer_fire ON desk.timer (fire_at, ticket_id, name);
ALTER TABLE desk.timer ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.timer FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON desk.timer TO meridian_owner USING (true) WITH CHECK (true);
CREATE POLICY router_all ON desk.timer TO meridian_router USING (true) WITH CHECK (true);
CREATE POLICY sla_reads ON desk.timer FOR SELECT TO meridian_sla USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.timer TO meridian_router;
GRANT SELECT ON desk.timer TO meridian_sla;
INSERT INTO desk.timer (ticket_id, name, fire_at, generation)
    SELECT id, 'pending_end', pending_until, event_seq FROM desk.ticket WHERE state = 'pending' AND pending_until IS NOT NULL;

-- ---- who looks at what -------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.shard_of(ticket uuid) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN get_byte(uuid_send(ticket), 15) & 63;
COMMENT ON FUNCTION desk.shard_of IS 'One of 64 shards, by the last six bits of the id, which are random in every version of UUID in use; services/sla computes the same.';

CREATE FUNCTION desk.shard_held(shards bigint, ticket uuid) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (shards >> desk.shard_of(ticket)) & 1 = 1;
COMMENT ON FUNCTION desk.shard_held IS 'Whether a set of shards, one bit each, has that of the ticket.';

CREATE SEQUENCE desk.scheduler_term;
CREATE TABLE desk.scheduler (
    term bigint PRIMARY KEY,
    instance text NOT NULL,
    seen_at timestamptz NOT NULL,
    swept_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE desk.scheduler IS 'Each run of a scheduler beside the primary, by the term that the database gave it. seen_at: when it last renewed; -infinity when it left. swept_at: when it last had looked at everything that was due.';
CREATE TABLE desk.shard_lease (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    holder text,
    term bigint NOT NULL DEFAULT 0,
    until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 25);
COMMENT ON TABLE desk.shard_lease IS 'Who looks after a shard, and until when unless they renew. Economy only: that nothing fires twice is the compare-and-set on the generation. A newer run has a higher term, so a holder that was thought dead renews nothing that somebody else took.';
INSERT INTO desk.shard_lease (shard) SELECT generate_series(0, 63);

CREATE FUNCTION desk.shards_lease(p_instance text, p_swept_at timestamptz, INOUT term bigint, OUT shards bigint, OUT live int, OUT at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    v_until timestamptz := v_now + interval '5 s';
    v_term bigint := coalesce(term, nextval('desk.scheduler_term'));
    v_share int;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true); -- a lease that a crash forgets is taken again
    INSERT INTO desk.scheduler AS s (term, instance, seen_at, swept_at) VALUES (v_term, p_instance, v_now, p_swept_at)
        ON CONFLICT ON CONSTRAINT scheduler_pkey DO UPDATE SET seen_at = excluded.seen_at, swept_at = coalesce(excluded.swept_at, s.swept_at);
    DELETE FROM desk.scheduler s WHERE s.seen_at < v_now - interval '1 hour' AND coalesce(s.swept_at, '-infinity') < v_now - interval '1 hour';
    live := (SELECT count(DISTINCT s.instance) FROM desk.scheduler s WHERE s.seen_at > v_now - interval '5 s');
    v_share := (63 + live) / live;
    UPDATE desk.shard_lease l SET holder = NULL, term = 0, until = '-infinity'
        WHERE l.term = v_term AND l.shard IN (SELECT m.shard FROM desk.shard_lease m WHERE m.term = v_term ORDER BY m.shard OFFSET v_share);
    UPDATE desk.shard_lease l SET until = v_until WHERE l.term = v_term;
    UPDATE desk.shard_lease l SET holder = p_instance, term = v_term, until = v_until
        WHERE l.shard IN (SELECT f.shard FROM desk.shard_lease f
                          WHERE f.until <= v_now OR f.holder = p_instance AND f.term < v_term -- its own earlier run, which is dead
                          ORDER BY f.shard
                          LIMIT greatest(0, v_share - (SELECT count(*) FROM desk.shard_lease h WHERE h.term = v_term))
                          FOR UPDATE SKIP LOCKED);
    term := v_term;
    shards := (SELECT coalesce(bit_or(1::bigint << l.shard::int), 0) FROM desk.shard_lease l WHERE l.term = v_term);
    at := clock_timestamp();
END $$;
COMMENT ON FUNCTION desk.shards_lease IS 'A scheduler is alive: renews what it still holds under its term (null: it gets one), gives back what exceeds its fair share of the live copies, takes what is free or expired up to it. Returns the term, its shards as bits, how many copies live, and the time.';

CREATE FUNCTION desk.shards_release(p_term bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    BEGIN ATOMIC
        UPDATE desk.shard_lease SET holder = NULL, term = 0, until = '-infinity' WHERE term = p_term;
        UPDATE desk.scheduler SET seen_at = '-infinity' WHERE term = p_term;
    END;
COMMENT ON FUNCTION desk.shards_release IS 'A scheduler leaves: others need not wait until its leases expire.';
REVOKE ALL ON FUNCTION desk.shards_lease, desk.shards_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.shards_lease, desk.shards_release TO meridian_sla;
GRANT SELECT ON desk.scheduler, desk.shard_lease TO meridian_sla;
RESET ROLE;
