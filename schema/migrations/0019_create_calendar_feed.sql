-- Why: holidays come from feeds on a schedule. The plan of service levels says which feeds go into which calendars; here is how far each has come. An attempt
--      goes through three hands: a scheduler takes a feed that is due and fetches it, tells what came, and a router judges that and makes the next version of
--      the plan. Each step is a compare-and-set on the attempt's number or happens under the row's lock, so that an attempt counts once, whoever dies: one that
--      was taken and never told is taken again when its lease is over.
-- Locks: none.
-- Rollout: expand. Apply the first plan with feeds when all routers and schedulers are of this release: a router of the former one cannot read it.
SET ROLE meridian_owner;

CREATE TABLE desk.calendar_feed (
    name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9_-]{1,63}$'),
    config jsonb NOT NULL,
    attempt bigint NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    leased_until timestamptz,
    tried_at timestamptz,
    failures int NOT NULL DEFAULT 0,
    error text,
    etag text,
    last_modified text,
    fetched jsonb,
    fetched_at timestamptz,
    succeeded_at timestamptz,
    held jsonb,
    held_at timestamptz CHECK ((held IS NULL) = (held_at IS NULL)),
    plan_version bigint
);
COMMENT ON TABLE desk.calendar_feed IS 'How far each feed of holidays of the plan in force has come; a row a feed.';
COMMENT ON COLUMN desk.calendar_feed.config IS 'From the plan: url, every_s, calendars, zone, except.';
COMMENT ON COLUMN desk.calendar_feed.attempt IS 'Number of the last attempt; whoever tells how it ended names it.';
COMMENT ON COLUMN desk.calendar_feed.leased_until IS 'An attempt is under way; past that it never ends, and the next one may begin.';
COMMENT ON COLUMN desk.calendar_feed.failures IS 'Attempts since the last one that went well.';
COMMENT ON COLUMN desk.calendar_feed.fetched IS 'Days that came and that no router has judged yet: {"from", "to", "days"}.';
COMMENT ON COLUMN desk.calendar_feed.succeeded_at IS 'When what the feed says was last known and understood.';
COMMENT ON COLUMN desk.calendar_feed.held IS 'Why what it says waits for somebody: {"reason", "calendar", "before", "after"}.';
COMMENT ON COLUMN desk.calendar_feed.plan_version IS 'The last version of the plan that it made.';

CREATE FUNCTION desk.feed_take(p_lease_us bigint)
    RETURNS TABLE (name text, attempt bigint, config text, etag text, last_modified text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
    BEGIN ATOMIC
        UPDATE desk.calendar_feed f SET attempt = f.attempt + 1, tried_at = now(), leased_until = now() + p_lease_us * interval '1 microsecond'
        WHERE f.name = (SELECT d.name FROM desk.calendar_feed d
                        WHERE d.next_at <= now() AND coalesce(d.leased_until, '-infinity') < now() AND d.fetched IS NULL
                        ORDER BY d.next_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING f.name, f.attempt, f.config::text,
            CASE WHEN date_trunc('year', f.fetched_at, 'UTC') = date_trunc('year', now(), 'UTC') THEN f.etag END,
            CASE WHEN date_trunc('year', f.fetched_at, 'UTC') = date_trunc('year', now(), 'UTC') THEN f.last_modified END;
    END;
COMMENT ON FUNCTION desk.feed_take IS
    'Takes the feed that is due the longest for one attempt; no row: none is. In another year the whole is fetched: other years of it are wanted then.';

CREATE FUNCTION desk.feed_told(p_name text, p_attempt bigint, p_days jsonb, p_etag text, p_last_modified text, p_error text)
    RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF p_error IS NOT NULL THEN
        UPDATE desk.calendar_feed f SET leased_until = NULL, failures = f.failures + 1, error = left(p_error, 500),
            next_at = now() + least((f.config ->> 'every_s')::bigint, 60 * 2 ^ least(f.failures, 20)) * interval '1 second'
        WHERE f.name = p_name AND f.attempt = p_attempt AND f.leased_until IS NOT NULL;
    ELSIF p_days IS NULL THEN
        UPDATE desk.calendar_feed f SET leased_until = NULL, failures = 0, error = NULL, succeeded_at = now(),
            next_at = now() + (f.config ->> 'every_s')::bigint * interval '1 second'
        WHERE f.name = p_name AND f.attempt = p_attempt AND f.leased_until IS NOT NULL;
    ELSE
        UPDATE desk.calendar_feed f SET leased_until = NULL, fetched = p_days, fetched_at = now(), etag = left(p_etag, 500),
            last_modified = left(p_last_modified, 100), next_at = now() + (f.config ->> 'every_s')::bigint * interval '1 second'
        WHERE f.name = p_name AND f.attempt = p_attempt AND f.leased_until IS NOT NULL;
    END IF;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION desk.feed_told IS
    'How an attempt ended: an error, days for a router to judge, or, with neither, nothing new. False, and nothing changes, when it is not the last attempt any more or was told already.';

REVOKE ALL ON FUNCTION desk.feed_take, desk.feed_told FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.feed_take, desk.feed_told TO meridian_sla;
GRANT SELECT ON desk.calendar_feed TO meridian_intake, meridian_sla;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.calendar_feed TO meridian_router;
RESET ROLE;
