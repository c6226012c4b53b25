-- Why: a ticket that is handed on again and again, or asked after, is in trouble; how often is shown with it. What happened is in its events, but a read
--      would have to go through all of them. Counted here, in the row, by a trigger, whoever writes the ticket; what happened before this migration is
--      counted from the events.
-- Locks: ACCESS EXCLUSIVE on desk.ticket for a moment, no rewrite; then each ticket that was handed on, nudged or held, as one who changes it.
-- Rollout: expand; routers of the former release count hands, too, and know no nudges.
SET ROLE meridian_owner;

ALTER TABLE desk.ticket
    ADD hops int NOT NULL DEFAULT 0, ADD raised int NOT NULL DEFAULT 0, ADD bounces int NOT NULL DEFAULT 0, ADD handovers int NOT NULL DEFAULT 0, ADD holds int NOT NULL DEFAULT 0,
    ADD past_teams int[] NOT NULL DEFAULT '{}', ADD past_owners uuid[] NOT NULL DEFAULT '{}', ADD past_region text,
    ADD nudges int NOT NULL DEFAULT 0, ADD nudged_at timestamptz;
COMMENT ON COLUMN desk.ticket.hops IS 'How often it went to another team.';
COMMENT ON COLUMN desk.ticket.raised IS 'How often it went to a team of a higher tier.';
COMMENT ON COLUMN desk.ticket.bounces IS 'How often it went back to a team that had had it before.';
COMMENT ON COLUMN desk.ticket.handovers IS 'How often its next owner worked in another region than the one before.';
COMMENT ON COLUMN desk.ticket.holds IS 'How often it was put on hold, which asks the requester.';
COMMENT ON COLUMN desk.ticket.past_teams IS 'The teams that it left, each once; the one that it came from is the last.';
COMMENT ON COLUMN desk.ticket.past_owners IS 'Everybody who owned it or owns it, each once.';
COMMENT ON COLUMN desk.ticket.past_region IS 'Of the last owner, also when nobody owns it any more.';
COMMENT ON COLUMN desk.ticket.nudges IS 'How often its requester asked whether anybody is there.';

CREATE FUNCTION desk.ticket_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.team_id <> OLD.team_id THEN
        NEW.hops := OLD.hops + 1;
        NEW.raised := OLD.raised + ((SELECT g.tier FROM desk.team g WHERE g.id = NEW.team_id) > (SELECT g.tier FROM desk.team g WHERE g.id = OLD.team_id))::int;
        NEW.bounces := OLD.bounces + (NEW.team_id = ANY (OLD.past_teams))::int;
        NEW.past_teams := array_append(array_remove(OLD.past_teams, OLD.team_id), OLD.team_id);
    END IF;
    IF NEW.owner_id IS NOT NULL AND NEW.owner_id IS DISTINCT FROM OLD.owner_id THEN
        IF NEW.owner_id <> ALL (OLD.past_owners) THEN
            NEW.past_owners := array_append(OLD.past_owners, NEW.owner_id);
        END IF;
        NEW.handovers := OLD.handovers + (NEW.owner_region <> OLD.past_region IS TRUE)::int;
        NEW.past_region := NEW.owner_region;
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION desk.ticket_moves IS 'Counts where a ticket goes, whoever writes it.';
CREATE TRIGGER ticket_moves BEFORE UPDATE OF team_id, owner_id ON desk.ticket FOR EACH ROW
    WHEN (OLD.team_id <> NEW.team_id OR NEW.owner_id IS NOT NULL AND NEW.owner_id IS DISTINCT FROM OLD.owner_id)
    EXECUTE FUNCTION desk.ticket_moves();

CREATE FUNCTION desk.journeys_count() RETURNS void LANGUAGE sql
    BEGIN ATOMIC
        WITH e AS (
            SELECT e.ticket_id, e.seq, e.type, x.got, g.id AS team, f.id AS from_team, g.tier > f.tier AS rose, u.id AS owner, e.data ->> 'region' AS region,
                   lag(e.data ->> 'region') OVER (PARTITION BY e.ticket_id, x.got ORDER BY e.seq) AS region_before,
                   array_agg(f.id) OVER (PARTITION BY e.ticket_id ORDER BY e.seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS teams_before
            FROM desk.event e
            CROSS JOIN LATERAL (SELECT e.type IN ('ticket.claimed', 'ticket.taken_over', 'ticket.assigned') AS got) x
            LEFT JOIN desk.team g ON g.slug = e.data ->> 'team' LEFT JOIN desk.team f ON f.slug = e.data ->> 'from_team'
            LEFT JOIN desk.app_user u ON u.login = e.data ->> 'owner'
            WHERE x.got OR e.type IN ('ticket.transferred', 'ticket.pended')
        ), c AS (
            SELECT e.ticket_id, count(e.from_team) AS hops, count(*) FILTER (WHERE e.rose) AS raised, count(*) FILTER (WHERE e.from_team IS NOT NULL AND e.team = ANY (e.teams_before)) AS bounces,
                   count(*) FILTER (WHERE e.got AND e.region <> e.region_before) AS handovers,
                   count(*) FILTER (WHERE e.type = 'ticket.pended') AS holds,
                   coalesce(array_agg(DISTINCT e.owner) FILTER (WHERE e.got AND e.owner IS NOT NULL), '{}') AS owners,
                   (array_agg(e.region ORDER BY e.seq DESC) FILTER (WHERE e.got))[1] AS region,
                   array_agg(e.from_team ORDER BY e.seq) FILTER (WHERE e.from_team IS NOT NULL) AS teams
            FROM e GROUP BY e.ticket_id
        ), j AS (
            SELECT c.*, ARRAY(SELECT x.team FROM unnest(c.teams) WITH ORDINALITY x (team, n) GROUP BY x.team ORDER BY max(x.n)) AS past_teams FROM c
        )
        UPDATE desk.ticket t SET hops = j.hops, raised = j.raised, bounces = j.bounces, handovers = j.handovers, holds = j.holds, past_owners = j.owners, past_region = j.region,
            past_teams = j.past_teams
        FROM j WHERE t.id = j.ticket_id;
    END;
COMMENT ON FUNCTION desk.journeys_count IS 'Counts where every ticket went from its events, for those that were not there or not counted at the time.';
REVOKE ALL ON FUNCTION desk.journeys_count FROM PUBLIC;
SELECT desk.journeys_count();
RESET ROLE;
