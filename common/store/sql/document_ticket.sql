-- One ticket, as the viewer may see it: fields, clocks, public thread, who has it, what is next, how it got here; notes, that of its handover and whose it is for agents only.
-- $1 text number or alias; $2 text language of the sentences, en or zh. No row: unknown, or hidden from the viewer.
SELECT left(row_to_json(d)::text, -1)
    || CASE WHEN current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system') THEN
        ',"customer":' || coalesce(x.customer::text, 'null') || ',"site":' || coalesce(to_json(x.site)::text, 'null') || ',"notes":' || coalesce((SELECT json_agg(row_to_json(n) ORDER BY n.at, n.seq)
            FROM (SELECT u.login AS author, u.name AS author_name, o.body, desk.rfc3339(o.at) AS at, o.event_seq AS seq,
                         CASE WHEN o.ticket_id <> x.id THEN w.number END AS "number"
                  FROM desk.note o JOIN desk.app_user u ON u.id = o.author_id JOIN desk.ticket w ON w.id = o.ticket_id
                  WHERE o.ticket_id = x.id
                     OR o.ticket_id = ANY (ARRAY(SELECT m.source_id FROM desk.merge m WHERE m.root_id = x.id))) n)::text, '[]')
            || ',"handover":' || coalesce(desk.handover_pinned(x.id, x.zh)::text, 'null')
            || ',"prepared_handover":' || coalesce((SELECT json_build_object('at', desk.rfc3339(p.at), 'note', p.note) FROM desk.handover_prepared p WHERE p.ticket_id = x.id)::text, 'null')
       ELSE '' END || '}'
FROM (SELECT t.*, coalesce($2::text, 'en') = 'zh' AS zh FROM desk.ticket t
      WHERE t.id = (SELECT coalesce((SELECT v.id FROM desk.merge m JOIN desk.ticket v ON v.id = m.root_id WHERE m.source_id = k.id), k.id)
                    FROM (SELECT id, 1 AS rank FROM desk.ticket WHERE number = $1::text
                          UNION ALL SELECT ticket_id, 2 FROM desk.ticket_alias WHERE number = $1::text) k ORDER BY k.rank LIMIT 1)) x
JOIN desk.team g ON g.id = x.team_id
JOIN desk.app_user r ON r.id = x.requester_id
LEFT JOIN desk.app_user o ON o.id = x.owner_id
LEFT JOIN desk.app_user f ON f.id = x.offered_to
LEFT JOIN desk.merge mg ON mg.source_id = x.id
LEFT JOIN LATERAL (SELECT k.target, k.due_at FROM desk.clock k WHERE k.ticket_id = x.id AND k.state = 'running' ORDER BY k.due_at LIMIT 1) c ON true
LEFT JOIN desk.timer m ON x.state = 'resolved' AND m.ticket_id = x.id AND m.name = 'auto_close'
CROSS JOIN LATERAL (SELECT CASE WHEN x.zh THEN g.name_zh ELSE g.name_en END AS team,
                           coalesce(o.name || CASE WHEN x.zh THEN '（' || x.owner_region || '）' ELSE ' (' || x.owner_region || ')' END, '') AS owner) s
CROSS JOIN LATERAL (SELECT
    x.number, x.client_key AS key, x.subject, x.description, x.state, x.priority, x.impact, x.urgency, x.service, x.language, x.attributes, x.tags, desk.skill_map(x.skills) AS skills,
    x.region, x.channel,
    json_build_object('login', r.login, 'name', r.name) AS requester,
    json_build_object('slug', g.slug, 'name', s.team) AS team,
    CASE WHEN x.owner_id IS NOT NULL THEN json_build_object('login', o.login, 'name', o.name, 'region', x.owner_region) END AS owner,
    CASE WHEN x.offered_to IS NOT NULL THEN json_build_object('login', f.login, 'name', f.name, 'until', desk.rfc3339(x.offered_until)) END AS offered_to,
    x.epoch, x.event_seq AS version, x.pending_reason, desk.rfc3339(x.pending_until) AS pending_until,
    coalesce((SELECT json_agg(row_to_json(c)) FROM (
        SELECT k.target, k.cycle, k.state, desk.rfc3339(k.started_at) AS started_at, desk.rfc3339(k.due_at) AS due_at,
               CASE WHEN k.state = 'running' THEN extract(epoch FROM k.due_at - now())::bigint ELSE k.remaining_s END AS remaining_s,
               desk.rfc3339(k.warned_at) AS warned_at, desk.rfc3339(k.breached_at) AS breached_at,
               CASE WHEN k.state = 'met' THEN desk.rfc3339(k.stopped_at) END AS met_at
        FROM (SELECT DISTINCT ON (l.target) l.* FROM desk.clock l WHERE l.ticket_id = x.id ORDER BY l.target, l.cycle DESC) k ORDER BY k.target) c), '[]') AS clocks,
    coalesce((SELECT json_agg(row_to_json(p)) FROM (
        SELECT u.login AS author, u.name AS author_name, y.from_requester, y.body, desk.rfc3339(y.at) AS at, y.event_seq AS seq,
               CASE WHEN y.ticket_id <> x.id THEN w.number END AS "number",
               (SELECT json_agg(n.number ORDER BY n.number) FROM desk.link l JOIN desk.ticket n ON n.id = l.from_id
                WHERE l.to_id = y.ticket_id AND l.kind = 'split_from' AND l.reply_seq = y.event_seq) AS split_into
        FROM desk.reply y JOIN desk.app_user u ON u.id = y.author_id LEFT JOIN desk.ticket w ON w.id = y.ticket_id
        WHERE y.ticket_id = x.id OR y.ticket_id = mg.root_id
           OR y.ticket_id = ANY (ARRAY(SELECT m.source_id FROM desk.merge m WHERE m.root_id = x.id))
        ORDER BY y.at, y.ticket_id, y.event_seq) p), '[]') AS thread,
    CASE WHEN coalesce(x.cause, x.solution, x.prevention) IS NOT NULL THEN json_build_object('cause', x.cause, 'solution', x.solution, 'prevention', x.prevention) END AS resolution,
    coalesce((SELECT json_agg(a.number ORDER BY a.created_at, a.number) FROM desk.ticket_alias a WHERE a.ticket_id = x.id), '[]') AS aliases,
    coalesce((SELECT json_agg(row_to_json(l) ORDER BY l.kind, l.number) FROM (
        SELECT desk.link_word(e.kind, e.backwards) AS kind, w.number
        FROM (SELECT f.kind, false AS backwards, f.to_id AS other_id FROM desk.link f WHERE f.from_id = x.id
              UNION ALL SELECT b.kind, true, b.from_id FROM desk.link b WHERE b.to_id = x.id) e
        JOIN desk.ticket w ON w.id = e.other_id) l), '[]') AS links,
    coalesce((SELECT json_agg(row_to_json(q)) FROM (
        SELECT w.number, w.subject, w.description, json_build_object('login', u.login, 'name', u.name) AS requester, desk.rfc3339(m.at) AS merged_at
        FROM desk.merge m JOIN desk.ticket w ON w.id = m.source_id JOIN desk.app_user u ON u.id = w.requester_id
        WHERE m.root_id = x.id ORDER BY m.at, w.number) q), '[]') AS merged,
    desk.rfc3339(mg.at) AS merged_at,
    CASE
        WHEN mg.at IS NOT NULL AND x.zh THEN '与另一工单一并处理。'
        WHEN mg.at IS NOT NULL THEN 'Handled together with another ticket.'
        WHEN x.state = 'closed' THEN CASE WHEN x.zh THEN '已关闭。' ELSE 'Closed.' END
        WHEN x.state = 'cancelled' THEN CASE WHEN x.zh THEN '已取消。' ELSE 'Cancelled.' END
        WHEN x.state = 'resolved' AND x.zh THEN s.owner || '已解决，等待请求人确认。'
        WHEN x.state = 'resolved' THEN 'Resolved by ' || s.owner || ', waiting for the requester to confirm.'
        WHEN x.state = 'pending' AND x.zh THEN s.owner || '负责，目前挂起：' || x.pending_reason
        WHEN x.state = 'pending' THEN s.owner || ' has it, on hold: ' || x.pending_reason
        WHEN x.owner_id IS NOT NULL AND x.zh THEN s.owner || '正在处理。'
        WHEN x.owner_id IS NOT NULL THEN s.owner || ' is working on it.'
        WHEN x.offered_to IS NOT NULL AND x.zh THEN '已派给' || f.name || '，等待接单。'
        WHEN x.offered_to IS NOT NULL THEN 'Offered to ' || f.name || ', who is asked to take it.'
        WHEN x.zh THEN '在“' || s.team || '”的队列中等待领取。'
        ELSE 'Waiting in the queue of ' || s.team || '.' END AS who,
    CASE x.state
        WHEN 'pending' THEN CASE WHEN x.zh THEN '已挂起' ELSE 'On hold' END
        WHEN 'resolved' THEN CASE WHEN x.zh THEN '已解决' ELSE 'Solved' END
        WHEN 'closed' THEN CASE WHEN x.zh THEN '已关闭' ELSE 'Closed' END
        WHEN 'cancelled' THEN CASE WHEN x.zh THEN '已取消' ELSE 'Cancelled' END
        ELSE CASE WHEN x.offered_to IS NOT NULL THEN CASE WHEN x.zh THEN '派单中' ELSE 'Offered' END
                  WHEN x.owner_id IS NULL THEN CASE WHEN x.zh THEN '排队中' ELSE 'Queued' END
                  ELSE CASE WHEN x.zh THEN '处理中' ELSE 'In work' END END END AS stage,
    CASE WHEN x.state = 'pending' THEN x.pending_reason
         WHEN x.state = 'resolved' THEN CASE WHEN x.zh THEN '请求人确认' ELSE 'The requester''s confirmation' END
         WHEN x.offered_to IS NOT NULL THEN CASE WHEN x.zh THEN f.name || '接单' ELSE f.name || ' to accept it' END
         WHEN x.state IN ('new', 'open') AND x.owner_id IS NULL THEN CASE WHEN x.zh THEN '“' || s.team || '”的人员领取' ELSE 'Somebody of ' || s.team END
         END AS waits_for,
    CASE WHEN x.state NOT IN ('closed', 'cancelled') THEN json_build_object('what', CASE
        WHEN x.state = 'resolved' AND m.fire_at IS NOT NULL THEN CASE WHEN x.zh THEN '请求人确认解决，或重新打开；逾期自动关闭'
                                                                      ELSE 'The requester confirms or reopens; else it closes by itself' END
        WHEN x.state = 'resolved' THEN CASE WHEN x.zh THEN '请求人确认解决，或重新打开' ELSE 'The requester confirms or reopens' END
        WHEN x.state = 'pending' THEN CASE WHEN x.zh THEN '挂起结束或请求人回复后继续处理' ELSE 'Work goes on after the hold, or when the requester replies' END
        WHEN x.offered_to IS NOT NULL THEN CASE WHEN x.zh THEN f.name || '接单或拒单；逾期未答则另派或回到队列'
                                               ELSE f.name || ' accepts or declines; else somebody else is asked, or it is back in the queue' END
        ELSE CASE coalesce(c.target, CASE WHEN x.first_response_at IS NULL THEN 'first_response' ELSE 'resolve' END)
             WHEN 'first_response' THEN CASE WHEN x.zh THEN '首次答复' ELSE 'First answer' END
             WHEN 'next_reply' THEN CASE WHEN x.zh THEN '下次答复' ELSE 'Next answer' END
             WHEN 'update' THEN CASE WHEN x.zh THEN '进展更新' ELSE 'Next update' END
             WHEN 'resolve' THEN CASE WHEN x.zh THEN '解决' ELSE 'Resolution' END
             ELSE c.target END END,
        'by', desk.rfc3339(CASE x.state WHEN 'resolved' THEN m.fire_at WHEN 'pending' THEN x.pending_until ELSE coalesce(x.offered_until, c.due_at) END)) END AS next_step,
    json_build_object('hops', x.hops, 'raised', x.raised, 'bounces', x.bounces, 'owners', cardinality(x.past_owners), 'handovers', x.handovers, 'holds', x.holds,
                      'reopened', x.reopened) AS journey,
    json_build_object('count', x.nudges, 'last_at', desk.rfc3339(x.nudged_at)) AS nudges,
    desk.rfc3339(x.accepted_at) AS accepted_at, desk.rfc3339(x.created_at) AS created_at, desk.rfc3339(x.updated_at) AS updated_at,
    desk.rfc3339(x.first_response_at) AS first_response_at, desk.rfc3339(x.resolved_at) AS resolved_at,
    desk.rfc3339(x.closed_at) AS closed_at, desk.rfc3339(x.reopen_until) AS reopen_until) d
