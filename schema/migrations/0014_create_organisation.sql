-- Why: who works when, on what, is one document with a version: desks, teams, agents, services, routing rules. Teams and their members stay tables, which
--      applying a document writes; the shifts of desks are laid out ahead, so that a standby can say who is awake.
-- Locks: ACCESS EXCLUSIVE on desk.team and desk.ticket, briefly: columns without a default that is computed.
-- Rollout: expand. Routers of the former release go on routing by the name of the team; what they make has no tags.
SET ROLE meridian_owner;

CREATE TABLE desk.organisation (
    version bigint PRIMARY KEY CHECK (version > 0),
    document json NOT NULL, -- not jsonb: people get it back in their own order
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL
);
COMMENT ON TABLE desk.organisation IS 'Organisations, as docs/how-to/organisation.md describes them; never changed, the highest version is in force.';
CREATE TRIGGER organisation_append_only BEFORE UPDATE OR DELETE ON desk.organisation FOR EACH ROW EXECUTE FUNCTION desk.refuse_change();

ALTER TABLE desk.team ADD retired_at timestamptz, ADD minimum int NOT NULL DEFAULT 1, ADD shift_end text NOT NULL DEFAULT 'keep';
COMMENT ON COLUMN desk.team.retired_at IS 'No longer in the organisation: gets no tickets. Teams are never deleted.';
COMMENT ON COLUMN desk.team.minimum IS 'Agents that should be on shift.';
COMMENT ON COLUMN desk.team.shift_end IS 'What happens to the open tickets of agents whose desk closes: keep or return.';
ALTER TABLE desk.ticket ADD tags text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN desk.ticket.tags IS 'From the rule that routed it.';

CREATE TABLE desk.desk (
    name text PRIMARY KEY,
    region text NOT NULL
);
COMMENT ON TABLE desk.desk IS 'Regional teams with opening hours. Of the organisation in force.';
CREATE TABLE desk.team_desk (
    team_id int NOT NULL REFERENCES desk.team,
    desk text NOT NULL REFERENCES desk.desk,
    PRIMARY KEY (team_id, desk)
);
COMMENT ON TABLE desk.team_desk IS 'Which desks serve a team.';
CREATE TABLE desk.agent_desk (
    user_id uuid PRIMARY KEY REFERENCES desk.app_user,
    desk text NOT NULL REFERENCES desk.desk
);
CREATE INDEX agent_desk_desk ON desk.agent_desk (desk);
COMMENT ON TABLE desk.agent_desk IS 'Where an agent sits.';
CREATE TABLE desk.shift (
    desk text NOT NULL REFERENCES desk.desk,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL CHECK (closes_at > opens_at),
    swept_at timestamptz,
    PRIMARY KEY (desk, opens_at)
);
COMMENT ON TABLE desk.shift IS 'When desks are open, laid out from yesterday some weeks ahead: computed from their hours by a router, daily and when an organisation is applied. Around the clock is one row without end.';
COMMENT ON COLUMN desk.shift.swept_at IS 'When a router had seen to its end: what agents of the desk owned went back into the queue. Laid out anew, it is seen to again, which does no harm.';
CREATE INDEX shift_unswept ON desk.shift (closes_at) WHERE swept_at IS NULL;

CREATE FUNCTION desk.shifts_lay(p_version bigint, p_shifts json) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('desk.organisation'));
    IF p_version <> (SELECT max(o.version) FROM desk.organisation o) THEN
        RETURN false;
    END IF;
    DELETE FROM desk.shift;
    INSERT INTO desk.shift (desk, opens_at, closes_at)
    SELECT s.desk, CASE WHEN s.opens IS NULL THEN '-infinity' ELSE desk.at(s.opens) END, CASE WHEN s.closes IS NULL THEN 'infinity' ELSE desk.at(s.closes) END
    FROM json_to_recordset(p_shifts) AS s (desk text, opens bigint, closes bigint);
    RETURN true;
END $$;
COMMENT ON FUNCTION desk.shifts_lay IS 'Replaces what is laid out, by what was computed from the organisation of that version; false when another one is in force. p_shifts: [{desk, opens, closes}], us since 1970, null: always.';

CREATE FUNCTION desk.organisation_faults(p_document json) RETURNS TABLE (pointer text, reason text) LANGUAGE sql STABLE AS $$
    SELECT '/desks/' || d.key || '/region', 'there is no such region'
    FROM json_each(coalesce(p_document -> 'desks', '{}')) d WHERE NOT EXISTS (SELECT FROM desk.region r WHERE r.code = d.value ->> 'region')
    UNION ALL
    SELECT '/agents/' || a.key, CASE WHEN u.id IS NULL THEN 'has no account' WHEN u.role = 'requester' THEN 'is a requester' ELSE 'has an account that is disabled' END
    FROM json_object_keys(coalesce(p_document -> 'agents', '{}')) a (key) LEFT JOIN desk.app_user u ON u.login = a.key
    WHERE u.id IS NULL OR u.role = 'requester' OR u.disabled_at IS NOT NULL
    UNION ALL
    SELECT '/teams', format('leaves out "%s", which has open tickets: transfer them first', g.slug)
    FROM desk.team g
    WHERE g.retired_at IS NULL AND NOT EXISTS (SELECT FROM json_object_keys(coalesce(p_document -> 'teams', '{}')) n (key) WHERE n.key = g.slug)
      AND EXISTS (SELECT FROM desk.ticket t WHERE t.team_id = g.id AND t.state IN ('new', 'open', 'pending', 'resolved'))
    UNION ALL
    SELECT '/teams/' || g.slug || '/restricted', 'cannot change, as the team has tickets: make another team and transfer them'
    FROM desk.team g JOIN json_each(coalesce(p_document -> 'teams', '{}')) n ON n.key = g.slug
    WHERE g.restricted <> coalesce((n.value ->> 'restricted')::boolean, false) AND EXISTS (SELECT FROM desk.ticket t WHERE t.team_id = g.id)
    UNION ALL
    SELECT '/agents' || CASE WHEN p_document -> 'agents' -> u.login IS NULL THEN '' ELSE '/' || u.login || '/teams' END,
           format('takes %s out of "%s", of which they own %s open tickets: transfer them first', u.login, g.slug, count(*))
    FROM desk.team_member m JOIN desk.app_user u ON u.id = m.user_id JOIN desk.team g ON g.id = m.team_id
    JOIN desk.owned w ON w.owner_id = m.user_id JOIN desk.ticket t ON t.id = w.ticket_id AND t.team_id = m.team_id AND t.state IN ('open', 'pending')
    WHERE NOT EXISTS (SELECT FROM json_array_elements_text(p_document -> 'agents' -> u.login -> 'teams') n (slug) WHERE n.slug = g.slug)
    GROUP BY u.login, g.slug
    ORDER BY 1, 2 LIMIT 20
$$;
COMMENT ON FUNCTION desk.organisation_faults IS 'What is wrong with a document, whose form has been judged, in this database: a JSON Pointer and why, at most 20.';

CREATE FUNCTION desk.organisation_apply(p_version bigint, p_document json, p_shifts json, p_author text) RETURNS void
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
    PERFORM desk.shifts_lay(p_version, p_shifts);
END $$;
COMMENT ON FUNCTION desk.organisation_apply IS 'Puts an organisation in force that desk.organisation_faults finds nothing wrong with: the version, teams, members, desks and shifts, in the transaction of the caller. The key refuses a version that is there.';
REVOKE ALL ON FUNCTION desk.shifts_lay, desk.organisation_apply FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.shifts_lay, desk.organisation_apply TO meridian_router;
GRANT SELECT ON desk.organisation, desk.desk, desk.team_desk, desk.agent_desk, desk.shift TO meridian_intake, meridian_router;
GRANT UPDATE (swept_at) ON desk.shift TO meridian_router;
GRANT SELECT ON desk.desk, desk.team_desk, desk.agent_desk, desk.shift TO meridian_report;
GRANT SELECT (tags) ON desk.ticket TO meridian_report;

CREATE FUNCTION desk.team_sun(p_team int) RETURNS json LANGUAGE sql STABLE
    RETURN json_build_object(
        'agents', (SELECT count(*) FROM desk.team_desk d JOIN desk.shift s ON s.desk = d.desk AND s.opens_at <= now() AND s.closes_at > now()
                   JOIN desk.agent_desk a ON a.desk = d.desk JOIN desk.team_member m ON m.user_id = a.user_id AND m.team_id = d.team_id WHERE d.team_id = p_team),
        'on_shift', (SELECT coalesce(json_agg(json_build_object('desk', d.desk, 'region', k.region,
                            'until', CASE WHEN s.closes_at <> 'infinity' THEN desk.rfc3339(s.closes_at) END) ORDER BY s.closes_at, d.desk), '[]')
                     FROM desk.team_desk d JOIN desk.shift s ON s.desk = d.desk AND s.opens_at <= now() AND s.closes_at > now() JOIN desk.desk k ON k.name = d.desk
                     WHERE d.team_id = p_team),
        'next', (SELECT json_build_object('desk', d.desk, 'region', k.region, 'opens_at', desk.rfc3339(s.opens_at))
                 FROM desk.team_desk d JOIN desk.desk k ON k.name = d.desk
                 CROSS JOIN LATERAL (SELECT x.opens_at FROM desk.shift x WHERE x.desk = d.desk AND x.opens_at > now() ORDER BY x.opens_at LIMIT 1) s
                 WHERE d.team_id = p_team ORDER BY s.opens_at, d.desk LIMIT 1));
COMMENT ON FUNCTION desk.team_sun IS 'Who is awake for a team: agents at open desks, those desks, and the next one that opens.';

-- What there is now, as a document.
CREATE FUNCTION desk.organisation_of_tables() RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'teams', (SELECT coalesce(json_object_agg(g.slug, json_build_object('title', json_build_object('en', g.name_en, 'zh', g.name_zh), 'tier', g.tier,
                             'restricted', CASE WHEN g.restricted THEN true END) ORDER BY g.id), '{}') FROM desk.team g),
        'default_team', (SELECT g.slug FROM desk.team g ORDER BY g.id LIMIT 1),
        'agents', (SELECT coalesce(json_object_agg(a.login, json_build_object('teams', a.teams) ORDER BY a.login), '{}')
                   FROM (SELECT u.login, json_agg(g.slug ORDER BY g.id) AS teams FROM desk.team_member m JOIN desk.app_user u ON u.id = m.user_id
                         JOIN desk.team g ON g.id = m.team_id WHERE u.role <> 'requester' AND u.disabled_at IS NULL GROUP BY u.login) a)))
$$;
INSERT INTO desk.organisation (version, document, applied_by) VALUES (1, desk.organisation_of_tables(), 'system:migration');
DROP FUNCTION desk.organisation_of_tables();

CREATE OR REPLACE VIEW meridian_api.ticket WITH (security_invoker) AS
    SELECT t.number, t.subject, t.state, t.priority, t.impact, t.urgency, t.service, t.language, t.channel, t.region, g.slug AS team, g.tier,
           r.login AS requester, o.login AS owner, t.owner_region, t.accepted_at, t.created_at, t.first_response_at, t.resolved_at, t.closed_at, t.reopened, t.tags
    FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id JOIN desk.app_user r ON r.id = t.requester_id LEFT JOIN desk.app_user o ON o.id = t.owner_id;
COMMENT ON COLUMN meridian_api.ticket.tags IS 'From the rule that routed it.';
RESET ROLE;
