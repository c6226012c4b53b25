-- Why: the organisation says whom the desk serves: customers with a tier and a contract, requesters with their customer, site, zone and language; and which
--      schedules name who is on duty for a team. What a ticket was routed by stays with it.
-- Locks: ACCESS EXCLUSIVE on desk.app_user, desk.ticket and desk.team, briefly: columns without a default.
-- Rollout: expand. Routers of the former release take what agents say of a customer alone, and tell nobody who is on duty. Apply the first document with
--      customers, requesters or on_duty when all routers and notifiers are of this release: a router of the former one cannot read it.
SET ROLE meridian_owner;

ALTER TABLE desk.app_user ADD zone text;
COMMENT ON COLUMN desk.app_user.zone IS 'In which times are told to them; null: that of their region. Of the organisation in force.';
ALTER TABLE desk.ticket ADD customer jsonb, ADD site text;
COMMENT ON COLUMN desk.ticket.customer IS 'Whose it is, as its first event tells: name, title, tier; null: nothing was known. For agents.';
COMMENT ON COLUMN desk.ticket.site IS 'Where its requester was, as its first event tells.';

ALTER TABLE desk.team ADD duty_main text, ADD duty_backup text, ADD backup_after_s int;
COMMENT ON COLUMN desk.team.duty_main IS 'The on-call schedule of who is on duty for it; null: nobody is.';
COMMENT ON COLUMN desk.team.duty_backup IS 'The schedule of who stands in, told when nobody has taken a ticket for backup_after_s.';
CREATE TABLE desk.duty (
    team_id int NOT NULL REFERENCES desk.team,
    role text NOT NULL CHECK (role IN ('main', 'backup')),
    login text NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL CHECK (to_at > from_at),
    PRIMARY KEY (team_id, role, login, from_at)
);
COMMENT ON TABLE desk.duty IS 'Who is on duty for teams, laid out some days ahead: computed by a router from the schedules of the plan in force and the swaps, with every change of these and of the organisation, and daily. What lasts beyond is without end.';

CREATE FUNCTION desk.duty_lay(p_duty json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM desk.duty;
    INSERT INTO desk.duty (team_id, role, login, from_at, to_at)
    SELECT d.team, d.role, d.login, desk.at(d."from"), CASE WHEN d."to" IS NULL THEN 'infinity' ELSE desk.at(d."to") END
    FROM json_to_recordset(p_duty) AS d (team int, role text, login text, "from" bigint, "to" bigint);
END $$;
COMMENT ON FUNCTION desk.duty_lay IS 'Replaces what is laid out, by whoever holds the lock of desk.duty. p_duty: [{team, role, login, from, to}], us since 1970, null: without end.';

CREATE FUNCTION desk.duty_now(p_team int, p_role text) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT json_build_object('schedule', s.schedule, 'people', (
        SELECT coalesce(json_agg(json_build_object('login', d.login, 'name', u.name, 'until', CASE WHEN d.to_at <> 'infinity' THEN desk.rfc3339(d.to_at) END)
                                 ORDER BY d.to_at, d.login), '[]')
        FROM desk.duty d LEFT JOIN desk.app_user u ON u.login = d.login WHERE d.team_id = p_team AND d.role = p_role AND d.from_at <= now() AND d.to_at > now()))
    FROM desk.team g CROSS JOIN LATERAL (SELECT CASE p_role WHEN 'main' THEN g.duty_main ELSE g.duty_backup END AS schedule) s
    WHERE g.id = p_team AND s.schedule IS NOT NULL);
COMMENT ON FUNCTION desk.duty_now IS 'Who is on duty for a team in a role; null: it names no schedule for that.';
CREATE FUNCTION desk.team_duty(p_team int) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT json_build_object('main', desk.duty_now(g.id, 'main'), 'backup', desk.duty_now(g.id, 'backup'),
                                     'backup_after_s', CASE WHEN g.duty_backup IS NOT NULL THEN g.backup_after_s END)
            FROM desk.team g WHERE g.id = p_team AND g.duty_main IS NOT NULL);
COMMENT ON FUNCTION desk.team_duty IS 'Who is on duty for a team: the main and the backup person; null: it has no schedule.';
CREATE FUNCTION desk.duty_timers(p_team int, p_at timestamptz) RETURNS TABLE (name text, fire_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT v.name, v.fire_at FROM desk.team g
    CROSS JOIN LATERAL (VALUES ('duty_main', CASE WHEN g.duty_main IS NOT NULL THEN p_at END),
                               ('duty_backup', CASE WHEN g.duty_backup IS NOT NULL THEN p_at + g.backup_after_s * interval '1 s' END)) v (name, fire_at)
    WHERE g.id = p_team AND v.fire_at IS NOT NULL
$$;
COMMENT ON FUNCTION desk.duty_timers IS 'For what a ticket has to be woken that reaches a team at a time, and that nobody owns.';

CREATE FUNCTION desk.people_faults(p_document json) RETURNS TABLE (pointer text, reason text) LANGUAGE sql STABLE AS $$
    SELECT '/requesters/' || p.key, CASE WHEN u.id IS NULL THEN 'has no account' ELSE 'has an account that is disabled' END
    FROM json_object_keys(coalesce(p_document -> 'requesters', '{}')) p (key) LEFT JOIN desk.app_user u ON u.login = p.key
    WHERE u.id IS NULL OR u.disabled_at IS NOT NULL
    ORDER BY 1 LIMIT 20
$$;
COMMENT ON FUNCTION desk.people_faults IS 'As desk.organisation_faults, of the requesters.';

CREATE FUNCTION desk.people_apply(p_document json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE desk.team g SET duty_main = n.duty ->> 'main', duty_backup = n.duty ->> 'backup',
        backup_after_s = CASE WHEN n.duty ->> 'backup' IS NOT NULL THEN coalesce((n.duty ->> 'backup_after')::int, 900) END
    FROM desk.team x LEFT JOIN (SELECT t.key AS slug, t.value -> 'on_duty' AS duty FROM json_each(coalesce(p_document -> 'teams', '{}')) t) n ON n.slug = x.slug
    WHERE x.id = g.id;
    UPDATE desk.app_user u SET zone = p.zone, language = coalesce(p.language, u.language)
    FROM desk.app_user x LEFT JOIN (
        SELECT r.key AS login, r.value ->> 'zone' AS zone, r.value ->> 'language' AS language
        FROM json_each(coalesce(p_document -> 'requesters', '{}')) r) p ON p.login = x.login
    WHERE x.id = u.id AND (u.zone IS DISTINCT FROM p.zone OR u.language <> p.language);
END $$;
COMMENT ON FUNCTION desk.people_apply IS 'The rest of desk.organisation_apply, after it: who is on duty for the teams, zones and languages of the requesters. Who is not in the document gets the zone of their region and keeps their language. Safe to repeat.';
REVOKE ALL ON FUNCTION desk.people_apply, desk.duty_lay FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.people_apply, desk.duty_lay TO meridian_router;
GRANT SELECT ON desk.duty TO meridian_intake, meridian_router, meridian_report;
CREATE FUNCTION desk.event_for_requesters(type text, data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN type = 'ticket.created' THEN data - '{customer,customer_tier,contract,site,zone}'::text[] ELSE data END;
COMMENT ON FUNCTION desk.event_for_requesters IS 'An event''s data as its requester reads it: without what the desk says of them.';
GRANT EXECUTE ON FUNCTION desk.event_for_requesters TO meridian_intake, meridian_router;
RESET ROLE;
