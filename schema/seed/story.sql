-- How the demo tickets came to be where they are (a script: temporary functions). A ticket gets a script of steps with times drawn from the seed;
-- what lies in the future has not happened. Each step follows the rules of services/router/ticket_rules.c and common/domain, with the same
-- events, clocks and hash chain, so that everything that checks real tickets also holds for these.
CREATE FUNCTION pg_temp.roll(k text) RETURNS double precision LANGUAGE sql STABLE
    RETURN ('x' || substr(md5(current_setting('meridian.seed') || ':' || k), 1, 12))::bit(48)::bigint / 281474976710656.0;
CREATE FUNCTION pg_temp.pick(k text, choices text[]) RETURNS text LANGUAGE sql STABLE
    RETURN choices[1 + floor(pg_temp.roll(k) * cardinality(choices))::int];
-- About 1 on average, seldom above 3.
CREATE FUNCTION pg_temp.about(k text) RETURNS double precision LANGUAGE sql STABLE
    RETURN 0.05 - ln(1 - 0.97 * pg_temp.roll(k));
CREATE FUNCTION pg_temp.uuid7(at timestamptz, k text) RETURNS uuid LANGUAGE sql STABLE
    RETURN (lpad(to_hex(desk.us(at) / 1000), 12, '0') || '7' || substr(md5(current_setting('meridian.seed') || k), 1, 3)
            || '9' || substr(md5(current_setting('meridian.seed') || k), 5, 15))::uuid;
CREATE FUNCTION pg_temp.epoch_s(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN floor(extract(epoch FROM at))::bigint;

-- common/domain/sla_clock.c: run, halt, and what follows from them.
CREATE FUNCTION pg_temp.clock_run(c desk.clock, at timestamptz, remaining int) RETURNS desk.clock LANGUAGE plpgsql AS $$
BEGIN
    c.state := 'running';
    c.stopped_at := NULL;
    c.remaining_s := NULL;
    c.due_at := at + remaining * interval '1 second';
    c.warn_at := c.due_at - (c.target_s - c.target_s * c.warn_percent / 100) * interval '1 second';
    c.fire_at := CASE WHEN c.breached_at IS NOT NULL THEN NULL WHEN c.warned_at IS NOT NULL THEN c.due_at ELSE c.warn_at END;
    RETURN c;
END $$;
CREATE FUNCTION pg_temp.clock_halt(c desk.clock, at timestamptz, p_state text) RETURNS desk.clock LANGUAGE plpgsql AS $$
BEGIN
    IF c.state IN ('met', 'cancelled') OR c.state = p_state THEN
        RETURN c;
    END IF;
    IF c.state = 'running' THEN
        c.remaining_s := pg_temp.epoch_s(c.due_at) - pg_temp.epoch_s(at);
    END IF;
    c.state := p_state;
    c.due_at := NULL;
    c.warn_at := NULL;
    c.fire_at := NULL;
    c.generation := c.generation + 1;
    c.stopped_at := CASE WHEN p_state = 'paused' THEN NULL ELSE at END;
    RETURN c;
END $$;
CREATE FUNCTION pg_temp.clock_resume(c desk.clock, at timestamptz, restart boolean) RETURNS desk.clock LANGUAGE plpgsql AS $$
BEGIN
    IF c.state = 'paused' OR (restart AND c.state = 'met') THEN
        c.generation := c.generation + 1;
        RETURN pg_temp.clock_run(c, at, c.remaining_s);
    END IF;
    RETURN c;
END $$;

CREATE TEMP TABLE seed_event (
    ticket_id uuid, seq int, type text, at timestamptz, actor_id uuid, actor text, public boolean, data jsonb, hash bytea, ordinal int GENERATED ALWAYS AS IDENTITY
) ON COMMIT DROP;
CREATE TEMP TABLE seed_reply (LIKE desk.reply) ON COMMIT DROP;
CREATE TEMP TABLE seed_note (LIKE desk.note) ON COMMIT DROP;
CREATE TEMP TABLE seed_plan (
    n int, k text, region text, number text, accepted_at timestamptz, requester text, template int, urgency int, site text, steps text[]
) ON COMMIT DROP;

CREATE FUNCTION pg_temp.plan(count int, at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO seed_plan
    WITH drawn AS (
        SELECT n, n::text AS k, CASE WHEN pg_temp.roll(n || 'region') < 0.4 THEN 'eu' WHEN pg_temp.roll(n || 'region') < 0.75 THEN 'ap' ELSE 'us' END AS region
        FROM generate_series(1, count) n
    ), timed AS (
        SELECT d.*, r.zone, ((date_trunc('day', at AT TIME ZONE r.zone) - floor(power(pg_temp.roll(k || 'day'), 1.4) * 5) * interval '1 day'
                 + (7 + 11 * pg_temp.roll(k || 'hour')) * interval '1 hour') AT TIME ZONE r.zone) AS drawn_at
        FROM drawn d JOIN desk.region r ON r.code = d.region
    ), past AS (
        SELECT t.*, CASE WHEN pg_temp.roll(k || 'recent') < 0.2 -- of the last two hours, whatever the local time: the queue must not be empty
                THEN at - (1 + 119 * pg_temp.roll(k || 'minute')) * interval '1 minute'
                ELSE greatest(at - interval '5 days' + pg_temp.roll(k || 'late') * interval '1 hour',
                              CASE WHEN drawn_at > at - interval '2 minutes' THEN drawn_at - interval '1 day' ELSE drawn_at END) END AS accepted_at
        FROM timed t
    ), asked AS (
        SELECT p.*, u.login AS requester, u.language FROM past p
        JOIN desk.app_user u ON u.login = 'requester-' || p.region || '-' || 1 + floor(9 * pg_temp.roll(p.k || 'requester'))::int
    )
    SELECT a.n, a.k, a.region,
           upper(a.region) || '-' || g.next_number + row_number() OVER (PARTITION BY a.region ORDER BY a.accepted_at, a.n) - 1,
           date_trunc('milliseconds', a.accepted_at), a.requester,
           (SELECT m.id FROM seed_template m WHERE m.language = a.language ORDER BY md5(a.k || m.id || current_setting('meridian.seed')) LIMIT 1),
           1 + floor(3 * pg_temp.roll(a.k || 'urgency'))::int,
           pg_temp.pick(a.k || 'site', CASE a.region WHEN 'ap' THEN CASE a.language WHEN 'zh' THEN ARRAY['上海', '成都', '大庆'] ELSE ARRAY['Shanghai', 'Chengdu'] END
               WHEN 'eu' THEN CASE a.language WHEN 'zh' THEN ARRAY['哥德堡', '根特'] ELSE ARRAY['Gothenburg', 'Ghent', 'Lyon'] END
               ELSE CASE a.language WHEN 'zh' THEN ARRAY['达拉斯'] ELSE ARRAY['Greensboro', 'Dallas', 'Hagerstown'] END END),
           string_to_array(CASE WHEN s < 0.44 THEN 'claim reply resolve confirm'
               WHEN s < 0.58 THEN 'claim reply pend answer reply resolve confirm'
               WHEN s < 0.68 THEN 'claim note transfer claim reply resolve confirm'
               WHEN s < 0.74 THEN 'claim reply resolve reopen claim reply resolve confirm'
               WHEN s < 0.79 THEN 'cancel'
               WHEN s < 0.85 THEN 'claim release claim reply resolve confirm'
               WHEN s < 0.93 THEN 'claim reply note resolve confirm'
               ELSE 'claim reply resolve' END, ' ')
    FROM asked a JOIN desk.region g ON g.code = a.region CROSS JOIN LATERAL (SELECT pg_temp.roll(a.k || 'story')) AS x (s);
    INSERT INTO desk.number_block (region, first, count, instance)
        SELECT r.code, r.next_number, count(*), 'seed' FROM desk.region r JOIN seed_plan p ON p.region = r.code GROUP BY r.code;
    UPDATE desk.region r SET next_number = next_number + b.count FROM desk.number_block b WHERE b.region = r.code AND b.first = r.next_number;
$$;

-- Seconds until a step.
CREATE FUNCTION pg_temp.delay(k text, step text, priority int) RETURNS interval LANGUAGE sql STABLE
    RETURN interval '1 second' * pg_temp.about(k) * CASE step
        WHEN 'claim' THEN (ARRAY[500, 1800, 5400, 14400])[priority]
        WHEN 'reply' THEN 700 WHEN 'note' THEN 900 WHEN 'transfer' THEN 1500 WHEN 'pend' THEN 1800 WHEN 'answer' THEN 14400
        WHEN 'resolve' THEN (ARRAY[3600, 9000, 28800, 50000])[priority]
        WHEN 'confirm' THEN 36000 WHEN 'reopen' THEN 12000 WHEN 'release' THEN 3600 ELSE 7200 END;

-- Whoever is awake.
CREATE FUNCTION pg_temp.agent_at(k text, at timestamptz, team int) RETURNS text LANGUAGE sql STABLE
    RETURN 'agent-' || pg_temp.pick(k || 'shift', CASE
            WHEN extract(hour FROM at AT TIME ZONE 'UTC') < 7 THEN ARRAY['ap'] WHEN extract(hour FROM at AT TIME ZONE 'UTC') < 9 THEN ARRAY['ap', 'eu']
            WHEN extract(hour FROM at AT TIME ZONE 'UTC') < 14 THEN ARRAY['eu'] WHEN extract(hour FROM at AT TIME ZONE 'UTC') < 16 THEN ARRAY['eu', 'us']
            ELSE ARRAY['us'] END)
        || '-' || 1 + floor(CASE WHEN team = 6 THEN 4 ELSE 16 END * pg_temp.roll(k || 'agent'))::int;

-- What people say, in the language of the ticket.
CREATE FUNCTION pg_temp.says(k text, step text, zh boolean) RETURNS text LANGUAGE sql STABLE
    RETURN pg_temp.pick(k || 'says', CASE step
        WHEN 'reply' THEN CASE WHEN zh THEN ARRAY['您好，问题已收到，我正在查看，稍后回复您。', '已经可以重现，正在处理，预计今天内有结果。', '谢谢反馈，请问从什么时候开始的？还有其他同事受影响吗？']
            ELSE ARRAY['Thank you, I have it and am looking into it now.', 'I can reproduce this and am working on it; expect news today.', 'Thanks for the report. Since when does it happen, and are others affected?'] END
        WHEN 'answer' THEN CASE WHEN zh THEN ARRAY['从今天早上开始，我们组三个人都有这个问题。', '照您说的试过了，还是一样。'] ELSE ARRAY['It began this morning; three of us have it.', 'I tried what you said, it is still the same.'] END
        WHEN 'reopen' THEN CASE WHEN zh THEN ARRAY['问题又出现了，请再看一下。', '还没有完全解决。'] ELSE ARRAY['It is back again, please have another look.', 'This is not solved completely.'] END
        WHEN 'cancel' THEN CASE WHEN zh THEN ARRAY['已经自己好了，谢谢。', '重复提交，请取消。'] ELSE ARRAY['It works again by itself, thank you.', 'Submitted twice by mistake.'] END
        WHEN 'pend' THEN CASE WHEN zh THEN ARRAY['等待用户补充信息', '等待供应商答复'] ELSE ARRAY['Waiting for more information', 'Waiting for the vendor'] END
        WHEN 'transfer' THEN CASE WHEN zh THEN ARRAY['需要二线处理，已收集日志。', '不是本组负责，转交。'] ELSE ARRAY['Needs the second line; logs are collected.', 'Not ours after all, handing it over.'] END
        WHEN 'release' THEN CASE WHEN zh THEN ARRAY['下班前交回队列。'] ELSE ARRAY['End of my shift, back to the queue.'] END
        ELSE CASE WHEN zh THEN ARRAY['已检查日志，与上周的变更有关。', '已联系现场同事确认。'] ELSE ARRAY['Logs point at last week''s change.', 'Confirmed with the colleague on site.'] END END);

CREATE FUNCTION pg_temp.seed_tickets(p_count int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    p seed_plan;
    m seed_template;
    t desk.ticket;
    c desk.clock[];
    first_clock int; -- the one that fires next
    at timestamptz;
    step text;
    k text; -- key of the draws of this step
    actor desk.app_user;
    requester desk.app_user;
    agent desk.app_user;
    before desk.ticket;
    happened text;
    data jsonb;
    body text;
    v_slug text;
    zh boolean;
BEGIN
    PERFORM pg_temp.plan(p_count, v_now);
    FOR p IN SELECT * FROM seed_plan ORDER BY accepted_at, n LOOP
        SELECT * INTO STRICT m FROM seed_template WHERE id = p.template;
        SELECT * INTO STRICT requester FROM desk.app_user WHERE login = p.requester;
        zh := m.language = 'zh';
        t := NULL;
        t.number := p.number;
        t.accepted_at := p.accepted_at;
        t.created_at := p.accepted_at + (15 + 60 * pg_temp.roll(p.k || 'commit')) * interval '1 millisecond';
        t.id := pg_temp.uuid7(p.accepted_at, p.k || 'ticket');
        t.client_key := pg_temp.uuid7(p.accepted_at, p.k || 'key')::text;
        t.submission_key := encode(substring(sha256(convert_to(requester.id || ':' || t.client_key, 'UTF8')) FOR 16), 'hex')::uuid;
        t.region := p.region;
        t.channel := pg_temp.pick(p.k || 'channel', ARRAY['portal', 'portal', 'api']);
        t.subject := replace(replace(m.subject, '{site}', p.site), '{n}', 100 + floor(800 * pg_temp.roll(p.k || 'asset'))::int || '');
        t.description := replace(replace(m.description, '{site}', p.site), '{n}', 100 + floor(800 * pg_temp.roll(p.k || 'asset'))::int || '');
        t.body_hash := sha256(convert_to(t.subject || E'\n' || t.description, 'UTF8'));
        t.service := m.team;
        t.impact := m.impact;
        t.urgency := CASE WHEN p.urgency < 3 THEN m.urgency ELSE least(3, m.urgency + 1) END;
        t.priority := (ARRAY[[1, 2, 3], [2, 3, 4], [3, 4, 4]])[t.impact][t.urgency];
        t.language := m.language;
        t.attributes := jsonb_build_object('site', p.site);
        t.requester_id := requester.id;
        t.submitter_id := requester.id;
        SELECT g.id, g.restricted, g.slug INTO STRICT t.team_id, t.restricted, v_slug FROM desk.team g WHERE g.slug = m.team;
        t.state := 'new';
        t.epoch := 0;
        t.reopened := 0;
        t.tags := '{}';
        t.skills := '{}';
        t.opened_to_all := false;
        t.hops := 0; -- counted from the events at the end
        t.raised := 0;
        t.bounces := 0;
        t.handovers := 0;
        t.holds := 0;
        t.past_teams := '{}';
        t.past_owners := '{}';
        t.nudges := 0;
        t.event_seq := 1;
        t.updated_at := t.created_at;
        data := jsonb_build_object('number', t.number, 'region', t.region, 'channel', t.channel, 'state', 'new', 'epoch', 0, 'owner', NULL,
            'priority', t.priority, 'impact', t.impact, 'urgency', t.urgency, 'team', v_slug, 'tier', (SELECT g.tier FROM desk.team g WHERE g.id = t.team_id), 'plan', 1, 'service', t.service, 'language', t.language,
            'requester', requester.login, 'accepted_at', desk.rfc3339(t.accepted_at));
        t.event_hash := desk.event_hash('', t.id, 1, 'ticket.created', t.created_at, requester.login, data);
        INSERT INTO seed_event VALUES (t.id, 1, 'ticket.created', t.created_at, requester.id, requester.login, true, data, t.event_hash);
        SELECT array_agg(pg_temp.clock_run(ROW(t.id, s.target, 'running', t.accepted_at, s.seconds, s.warn_percent, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL, 1)::desk.clock,
                                           t.accepted_at, s.seconds) ORDER BY s.target)
            INTO c FROM desk.sla_target s WHERE s.priority = t.priority;

        at := t.created_at;
        FOR i IN 1..cardinality(p.steps) + 1 LOOP
            step := p.steps[i]; -- null after the last: only the clocks go on
            k := p.k || ':' || i;
            at := CASE WHEN step IS NULL THEN v_now ELSE at + pg_temp.delay(k, step, t.priority) END;
            IF at >= v_now THEN
                step := NULL;
                at := v_now;
            END IF;
            LOOP -- what the scheduler did meanwhile, as desk.sla_fire does it
                SELECT x.place INTO first_clock FROM unnest(c) WITH ORDINALITY AS x (ticket_id, target, state, started_at, target_s, warn_percent, due_at, warn_at,
                    remaining_s, warned_at, breached_at, stopped_at, generation, fire_at, cycle, place) WHERE x.fire_at < at ORDER BY x.fire_at LIMIT 1;
                EXIT WHEN first_clock IS NULL;
                t.updated_at := greatest(t.updated_at, least(at, c[first_clock].fire_at + (2 + 40 * pg_temp.roll(k || first_clock)) * interval '1 millisecond'));
                happened := CASE WHEN t.updated_at >= c[first_clock].due_at THEN 'sla.breached' ELSE 'sla.warned' END;
                data := jsonb_build_object('target', c[first_clock].target, 'due_at', desk.rfc3339(c[first_clock].due_at),
                    'late_ms', greatest(0, (extract(epoch FROM t.updated_at - c[first_clock].fire_at) * 1000)::bigint));
                IF happened = 'sla.breached' THEN
                    c[first_clock].breached_at := t.updated_at;
                    c[first_clock].fire_at := NULL;
                ELSE
                    c[first_clock].warned_at := t.updated_at;
                    c[first_clock].fire_at := c[first_clock].due_at;
                END IF;
                c[first_clock].generation := c[first_clock].generation + 1;
                t.event_seq := t.event_seq + 1;
                t.event_hash := desk.event_hash(t.event_hash, t.id, t.event_seq, happened, t.updated_at, 'system:sla', data);
                INSERT INTO seed_event VALUES (t.id, t.event_seq, happened, t.updated_at, NULL, 'system:sla', false, data, t.event_hash);
            END LOOP;
            EXIT WHEN step IS NULL;

            IF step = 'claim' THEN
                SELECT * INTO STRICT agent FROM desk.app_user WHERE login = pg_temp.agent_at(k, at, t.team_id);
            END IF;
            actor := CASE WHEN step IN ('answer', 'confirm', 'reopen', 'cancel') THEN requester ELSE agent END;
            body := pg_temp.says(k, step, zh);
            before := t;
            happened := CASE step WHEN 'claim' THEN 'ticket.claimed' WHEN 'release' THEN 'ticket.released' WHEN 'transfer' THEN 'ticket.transferred'
                WHEN 'note' THEN 'ticket.noted' WHEN 'pend' THEN 'ticket.pended' WHEN 'resolve' THEN 'ticket.resolved' WHEN 'confirm' THEN 'ticket.confirmed'
                WHEN 'reopen' THEN 'ticket.reopened' WHEN 'cancel' THEN 'ticket.cancelled' ELSE 'ticket.replied' END;
            t.updated_at := at;
            IF step IN ('claim', 'release', 'transfer', 'confirm', 'reopen', 'cancel') THEN
                t.epoch := t.epoch + 1;
            END IF;
            IF step IN ('release', 'transfer', 'reopen', 'cancel') THEN
                t.owner_id := NULL;
                t.owner_region := NULL;
                t.owned_at := NULL;
            END IF;
            CASE step
            WHEN 'claim' THEN
                t.state := 'open';
                t.owner_id := agent.id;
                t.owner_region := agent.region;
                t.owned_at := at;
            WHEN 'transfer' THEN
                SELECT g.id, g.restricted INTO STRICT t.team_id, t.restricted FROM desk.team g
                    WHERE g.id <> t.team_id AND NOT g.restricted ORDER BY md5(k || g.slug) LIMIT 1;
            WHEN 'pend' THEN
                t.state := 'pending';
                t.pending_reason := body;
                t.pending_until := date_trunc('hour', at) + interval '2 days';
            WHEN 'reply' THEN
                t.first_response_at := coalesce(t.first_response_at, at);
            WHEN 'resolve' THEN
                t.state := 'resolved';
                t.resolved_at := at;
                t.cause := replace(replace(m.cause, '{site}', p.site), '{n}', 100 + floor(800 * pg_temp.roll(p.k || 'asset'))::int || '');
                t.solution := replace(replace(m.solution, '{site}', p.site), '{n}', 100 + floor(800 * pg_temp.roll(p.k || 'asset'))::int || '');
                t.prevention := m.prevention;
            WHEN 'confirm' THEN
                t.state := 'closed';
                t.closed_at := at;
            WHEN 'reopen' THEN
                t.state := 'open';
                t.reopened := t.reopened + 1;
                t.resolved_at := NULL;
            WHEN 'cancel' THEN
                t.state := 'cancelled';
                t.closed_at := at;
            ELSE
                NULL;
            END CASE;
            -- One event; the requester's answer to a ticket on hold is followed by a second one, which wakes it.
            LOOP
                SELECT jsonb_build_object('epoch', t.epoch, 'priority', t.priority, 'state', t.state, 'owner', (SELECT login FROM desk.app_user WHERE id = t.owner_id),
                        'region', t.owner_region, 'team', g.slug, 'tier', g.tier)
                    || CASE WHEN t.team_id <> before.team_id THEN jsonb_build_object('from_team', v_slug) ELSE '{}' END
                    || CASE WHEN t.state <> before.state THEN jsonb_build_object('from_state', before.state) ELSE '{}' END
                    || CASE WHEN t.pending_until IS NOT NULL THEN jsonb_build_object('until', desk.rfc3339(t.pending_until)) ELSE '{}' END, g.slug
                    INTO data, v_slug FROM desk.team g WHERE g.id = t.team_id;
                t.event_seq := t.event_seq + 1;
                t.event_hash := desk.event_hash(t.event_hash, t.id, t.event_seq, happened, at, actor.login, data);
                INSERT INTO seed_event VALUES (t.id, t.event_seq, happened, at, actor.id, actor.login, happened <> 'ticket.noted', data, t.event_hash);
                IF happened = 'ticket.replied' OR step IN ('reopen', 'cancel') THEN
                    INSERT INTO seed_reply VALUES (pg_temp.uuid7(at, k || 'reply'), t.id, t.event_seq, actor.id, actor.id = requester.id, body, at);
                ELSIF step IN ('note', 'transfer', 'release') THEN
                    INSERT INTO seed_note VALUES (pg_temp.uuid7(at, k || 'note'), t.id, t.event_seq, actor.id, body, at);
                END IF;
                EXIT WHEN step <> 'answer' OR happened = 'ticket.resumed';
                before := t;
                happened := 'ticket.resumed';
                t.state := 'open';
                t.pending_reason := NULL;
                t.pending_until := NULL;
            END LOOP;
            FOR j IN 1..2 LOOP
                c[j] := CASE WHEN c[j].target = 'first_response' AND step = 'reply' THEN pg_temp.clock_halt(c[j], at, 'met')
                    WHEN t.state = 'pending' THEN pg_temp.clock_halt(c[j], at, 'paused')
                    WHEN t.state IN ('resolved', 'closed') THEN pg_temp.clock_halt(c[j], at, 'met')
                    WHEN t.state = 'cancelled' THEN pg_temp.clock_halt(c[j], at, 'cancelled')
                    ELSE pg_temp.clock_resume(c[j], at, c[j].target = 'resolve') END;
            END LOOP;
        END LOOP;

        INSERT INTO desk.ticket SELECT t.*;
        INSERT INTO desk.clock SELECT x.* FROM unnest(c) x;
        IF t.pending_until > now() THEN
            INSERT INTO desk.timer (ticket_id, name, fire_at, generation) VALUES (t.id, 'pending_end', t.pending_until, t.event_seq);
        END IF;
        IF t.owner_id IS NULL AND t.state IN ('new', 'open') THEN
            INSERT INTO desk.ready SELECT t.id, t.team_id, t.priority, min(x.due_at), t.created_at FROM unnest(c) x;
        END IF;
    END LOOP;
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
        SELECT desk.feed_position(row_number() OVER (ORDER BY e.at, e.ordinal)::int), e.ticket_id, e.seq, e.type, e.at, e.actor_id, e.actor, e.public, e.data, e.hash
        FROM seed_event e ORDER BY e.at, e.ordinal;
    INSERT INTO desk.reply SELECT * FROM seed_reply;
    INSERT INTO desk.note SELECT * FROM seed_note;
    PERFORM desk.journeys_count();
    RETURN (SELECT count(*) FROM seed_plan);
END $$;
