-- Why: an owner who goes hands a ticket to somebody who is there, with a note that says how it is, what was tried and what comes next. That is an offer of the
--      owner before (desk.offer, kind handover); whether it is accepted or not, the note stays with the ticket until that is solved or handed over again.
--      And what a person has decided about a ticket is left alone for a while by overflows and escalations.
-- Locks: ACCESS EXCLUSIVE on desk.team and desk.shift, briefly: columns with a constant default.
-- Rollout: expand. Routers of the former release hand nothing over, and leave the tickets of a team that wants it with their owners when a desk closes.
SET ROLE meridian_owner;

CREATE TABLE desk.handover (
    ticket_id uuid NOT NULL, -- no foreign key: tickets are never deleted
    event_seq int NOT NULL,
    from_id uuid NOT NULL,
    author_id uuid,
    at timestamptz NOT NULL,
    note json NOT NULL,
    note_zh json CHECK (note_zh IS NULL OR author_id IS NULL),
    done_at timestamptz,
    PRIMARY KEY (ticket_id, event_seq)
);
COMMENT ON TABLE desk.handover IS 'Notes with which tickets were handed over. The last one of a ticket is pinned to it until done_at: for agents only, never in an event or a mail.';
COMMENT ON COLUMN desk.handover.from_id IS 'Who owned it.';
COMMENT ON COLUMN desk.handover.author_id IS 'Who wrote the note; null: it was drafted from the record.';
COMMENT ON COLUMN desk.handover.note IS 'state, tried, last_contact, next_step, next_step_at; the second last and the last may be missing.';
COMMENT ON COLUMN desk.handover.note_zh IS 'Of one that was drafted, the same in Chinese.';
COMMENT ON COLUMN desk.handover.done_at IS 'When the ticket was solved or cancelled: the note is not shown any more.';

CREATE TABLE desk.handover_prepared (
    ticket_id uuid PRIMARY KEY, -- no foreign key: tickets are never deleted
    owner_id uuid NOT NULL,
    at timestamptz NOT NULL,
    note json NOT NULL
);
COMMENT ON TABLE desk.handover_prepared IS 'What the owner of a ticket has written for whoever gets it when their desk closes. Theirs alone until then; gone with the ownership.';

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['handover', 'handover_prepared'] LOOP
        EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE desk.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON desk.%I TO meridian_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY router_all ON desk.%I TO meridian_router USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON desk.%I TO meridian_router', t);
        EXECUTE format('GRANT SELECT ON desk.%I TO meridian_intake', t);
    END LOOP;
END $$;
GRANT DELETE ON desk.handover_prepared TO meridian_router;
CREATE POLICY reader ON desk.handover FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR current_setting('meridian.kind', true) IN ('agent', 'lead') AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
CREATE POLICY reader ON desk.handover_prepared FOR SELECT TO meridian_intake USING (owner_id = desk.viewer() AND current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin'));

CREATE FUNCTION desk.handover_pinned(p_ticket uuid, p_zh boolean) RETURNS json LANGUAGE sql STABLE
    RETURN (SELECT json_build_object('from', f.login, 'author', a.login, 'at', desk.rfc3339(h.at), 'note', CASE WHEN p_zh THEN coalesce(h.note_zh, h.note) ELSE h.note END)
            FROM (SELECT * FROM desk.handover x WHERE x.ticket_id = p_ticket ORDER BY x.event_seq DESC LIMIT 1) h
            JOIN desk.app_user f ON f.id = h.from_id LEFT JOIN desk.app_user a ON a.id = h.author_id
            WHERE h.done_at IS NULL);
COMMENT ON FUNCTION desk.handover_pinned IS 'The note that is pinned to a ticket, as the API shows it, to those who may read it; null: none.';

-- ---- whom ------------------------------------------------------------------------------------------------------------------------

ALTER TABLE desk.shift ADD again int NOT NULL DEFAULT 0;
COMMENT ON COLUMN desk.shift.again IS 'How often its end was to be looked at again, because a ticket went on that was on hold: who has read it before has not seen to that.';
COMMENT ON TABLE desk.shift IS 'When desks are open, laid out from two weeks ago some weeks ahead: computed from their hours by a router, daily and when an organisation is applied. Around the clock is one row without end.';
COMMENT ON COLUMN desk.shift.swept_at IS 'When a router had seen to its end: what agents of the desk owned went back into the queue, or was handed over. Laid out anew, the last one is seen to again, which does no harm.';
GRANT UPDATE (again) ON desk.shift TO meridian_router;

ALTER TABLE desk.team ADD handover_within int NOT NULL DEFAULT 900 CHECK (handover_within > 0);
COMMENT ON COLUMN desk.team.handover_within IS 'How long whoever is asked has to accept a handover, in seconds.';
COMMENT ON COLUMN desk.team.shift_end IS 'What happens to the open tickets of agents whose desk closes: keep, return or hand_over.';

CREATE FUNCTION desk.handover_candidates(p_ticket uuid, p_from uuid, p_desk text)
    RETURNS TABLE (id uuid, login text, region text, affinity text, speaks boolean, load int, capacity int, share numeric, idle_since timestamptz, rank bigint, why text)
    LANGUAGE plpgsql STABLE ROWS 16 SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    WITH c AS MATERIALIZED (
        SELECT d.id, d.login, d.region, d.affinity, d.speaks, d.load + w.points AS load, d.capacity, round((d.load + w.points)::numeric / coalesce(d.capacity, 40), 3) AS share, d.idle_since
        FROM desk.dispatch_candidates(p_ticket, true) d
        CROSS JOIN LATERAL (SELECT coalesce(sum(l.points), 0)::int AS points
                            FROM desk.offer o JOIN desk.ticket t ON t.id = o.ticket_id JOIN desk.load_weight l ON l.priority = t.priority
                            WHERE o.user_id = d.id AND o.outcome IS NULL AND o.kind = 'handover') w
        LEFT JOIN desk.agent_desk s ON s.user_id = d.id
        WHERE d.id <> p_from AND (p_desk IS NULL OR s.desk IS DISTINCT FROM p_desk)
          AND NOT desk.is_at_home(d.id)
          AND (d.load + w.points < coalesce(d.capacity, 2147483647) OR (SELECT t.priority FROM desk.ticket t WHERE t.id = p_ticket) = 1)
    )
    SELECT c.id, c.login, c.region, c.affinity, c.speaks, c.load, c.capacity, c.share, c.idle_since, row_number() OVER w,
           CASE WHEN c.affinity IS NOT NULL THEN c.affinity WHEN lead(c.id) OVER w IS NULL THEN 'only' WHEN c.speaks AND NOT lead(c.speaks) OVER w THEN 'language'
                WHEN c.share < lead(c.share) OVER w THEN 'load' WHEN c.idle_since < lead(c.idle_since) OVER w THEN 'idle' ELSE 'name' END
    FROM c WINDOW w AS (ORDER BY c.affinity IS NULL, NOT c.speaks, c.share, c.idle_since, c.login);
END $$;
COMMENT ON FUNCTION desk.handover_candidates IS
    'As desk.dispatch_candidates, of those at an open desk, or at none, but for the owner and for whoever sits at p_desk (null: nobody), which closes. What they are asked to take over already counts as if they had it: or one would be asked for all that a desk leaves.';

-- ---- what the record says ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.handover_draft(p_ticket uuid, OUT note json, OUT note_zh json) LANGUAGE plpgsql STABLE AS $$
DECLARE
    t record;
    n record;
    r record;
    q record;
    c record;
BEGIN
    SELECT k.state, k.priority, k.first_response_at, k.owned_at, o.login AS owner INTO t FROM desk.ticket k LEFT JOIN desk.app_user o ON o.id = k.owner_id WHERE k.id = p_ticket;
    SELECT u.login, x.at, left(x.body, 500) AS body INTO n FROM desk.note x JOIN desk.app_user u ON u.id = x.author_id WHERE x.ticket_id = p_ticket ORDER BY x.at DESC, x.event_seq DESC LIMIT 1;
    SELECT u.login, x.at, left(x.body, 500) AS body INTO r FROM desk.reply x JOIN desk.app_user u ON u.id = x.author_id WHERE x.ticket_id = p_ticket AND NOT x.from_requester
    ORDER BY x.at DESC, x.event_seq DESC LIMIT 1;
    SELECT u.login, x.at, left(x.body, 500) AS body INTO q FROM desk.reply x JOIN desk.app_user u ON u.id = x.author_id WHERE x.ticket_id = p_ticket AND x.from_requester
    ORDER BY x.at DESC, x.event_seq DESC LIMIT 1;
    SELECT k.target, k.due_at INTO c FROM desk.clock k WHERE k.ticket_id = p_ticket AND k.state = 'running' ORDER BY k.due_at LIMIT 1;
    note := json_strip_nulls(json_build_object(
        'state', concat_ws(' ', format('P%s, %s; %s has had it since %s.', t.priority, t.state, t.owner, desk.rfc3339(t.owned_at)),
                           CASE WHEN q.at > r.at OR q.at IS NOT NULL AND r.at IS NULL THEN format('The requester wrote last, at %s: %s', desk.rfc3339(q.at), q.body) END),
        'tried', CASE WHEN n.at IS NULL THEN 'Nothing is written down.' ELSE format('The last note is of %s, at %s: %s', n.login, desk.rfc3339(n.at), n.body) END,
        'last_contact', CASE WHEN r.at IS NOT NULL THEN format('%s replied at %s: %s', r.login, desk.rfc3339(r.at), r.body) END,
        'next_step', CASE coalesce(c.target, 'resolve') WHEN 'first_response' THEN 'First answer' WHEN 'next_reply' THEN 'Next answer' WHEN 'update' THEN 'Next update'
                                                        WHEN 'resolve' THEN 'Resolution' ELSE c.target END,
        'next_step_at', desk.rfc3339(c.due_at)));
    note_zh := json_strip_nulls(json_build_object(
        'state', concat_ws('', format('P%s，%s；自 %s 起由 %s 负责。', t.priority, CASE t.state WHEN 'open' THEN '处理中' WHEN 'pending' THEN '已挂起' ELSE t.state END, desk.rfc3339(t.owned_at), t.owner),
                           CASE WHEN q.at > r.at OR q.at IS NOT NULL AND r.at IS NULL THEN format('最后来信：请求人，%s：%s', desk.rfc3339(q.at), q.body) END),
        'tried', CASE WHEN n.at IS NULL THEN '没有书面记录。' ELSE format('最后一条备注：%s，%s：%s', n.login, desk.rfc3339(n.at), n.body) END,
        'last_contact', CASE WHEN r.at IS NOT NULL THEN format('%s 于 %s 回复：%s', r.login, desk.rfc3339(r.at), r.body) END,
        'next_step', CASE coalesce(c.target, 'resolve') WHEN 'first_response' THEN '首次答复' WHEN 'next_reply' THEN '下次答复' WHEN 'update' THEN '进展更新' WHEN 'resolve' THEN '解决' ELSE c.target END,
        'next_step_at', desk.rfc3339(c.due_at)));
END $$;
COMMENT ON FUNCTION desk.handover_draft IS 'A note for a ticket that nobody has written one for: how it is, the last note, the last public reply of the desk, and what the running clocks promise next. In English and in Chinese.';

-- ---- what robots leave alone --------------------------------------------------------------------------------------------------------

CREATE FUNCTION desk.decided(p_ticket uuid, p_fields text[]) RETURNS TABLE (by text, until timestamptz) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT e.actor, e.at + desk.hands_off() FROM desk.event e
    WHERE e.ticket_id = p_ticket AND e.at > now() - desk.hands_off() AND e.actor NOT LIKE 'system:%'
      AND ('team' = ANY (p_fields) AND e.data ? 'from_team' OR 'priority' = ANY (p_fields) AND e.type = 'ticket.prioritized'
           OR 'owner' = ANY (p_fields) AND e.type IN ('ticket.claimed', 'ticket.taken_over', 'ticket.assigned', 'ticket.offer_accepted'))
    ORDER BY e.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION desk.decided IS 'Who has decided last about one of the fields (team, priority, owner) of a ticket, and until when automatic acts leave that alone; no row: they need not.';

CREATE FUNCTION desk.robots_waiting(p_ticket uuid) RETURNS TABLE (impact int, urgency int, team text, even_if_owned boolean, waits boolean) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT (e.data -> 'raise' ->> 'impact')::int, (e.data -> 'raise' ->> 'urgency')::int,
           CASE WHEN NOT EXISTS (SELECT FROM desk.event x WHERE x.ticket_id = p_ticket AND x.seq > e.seq AND x.at >= e.at AND x.data ? 'from_team' AND x.actor LIKE 'system:%')
                THEN e.data -> 'raise' ->> 'team' END, coalesce((e.data -> 'raise' ->> 'even_if_owned')::boolean, false),
           EXISTS (SELECT FROM desk.timer r WHERE r.ticket_id = p_ticket AND r.name = 'escalation_late')
    FROM desk.event e WHERE e.ticket_id = p_ticket AND e.type = 'robot.held_off' AND e.data ->> 'act' = 'escalation' ORDER BY e.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION desk.robots_waiting IS 'What an escalation last left for later, and whether that is still to come. No team, when a later step or an overflow has moved the ticket meanwhile.';

CREATE OR REPLACE FUNCTION desk.team_modes_apply(p_document json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_changed int[]; -- teams whose overflow is not as it was
BEGIN
    UPDATE desk.robots r SET hands_off_for = coalesce((p_document -> 'robots' ->> 'hands_off_for')::int, 900);
    WITH w AS (
        UPDATE desk.team g SET mode = coalesce(n.value ->> 'mode', 'pull'), accept_within = coalesce((n.value -> 'offer' ->> 'accept_within')::int, 60),
            overflow_after = (n.value -> 'overflow' ->> 'after')::int, overflow_team = (SELECT o.id FROM desk.team o WHERE o.slug = n.value -> 'overflow' ->> 'team'),
            handover_within = coalesce((n.value -> 'handover' ->> 'accept_within')::int, 900)
        FROM json_each(coalesce(p_document -> 'teams', '{}')) n JOIN desk.team b ON b.slug = n.key WHERE b.id = g.id
        RETURNING g.id, g.overflow_after IS DISTINCT FROM b.overflow_after AS changed
    )
    SELECT array_agg(w.id) FILTER (WHERE w.changed) INTO v_changed FROM w;
    IF v_changed IS NOT NULL THEN
        PERFORM desk.overflow_reach(v_changed);
    END IF;
END $$;
RESET ROLE;
