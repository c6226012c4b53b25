-- Locks tickets, in order of their ids, for the rest of the transaction, and reads what decisions about them need, as of after the locks. One by its
-- number, or several by their ids.
-- $1 number or alias (text), $2 of a merged ticket its root instead (bool), $3 without a number: the ids (uuid[])
WITH named AS MATERIALIZED (
    SELECT n.id FROM desk.ticket n WHERE n.number = $1::text
    UNION ALL SELECT a.ticket_id FROM desk.ticket_alias a WHERE a.number = $1::text LIMIT 1
), locked AS MATERIALIZED (
    SELECT t.* FROM desk.ticket t
    WHERE t.id = ANY (CASE WHEN $1::text IS NULL THEN $3::uuid[]
        ELSE ARRAY[(SELECT coalesce((SELECT m.root_id FROM desk.merge m WHERE m.source_id = k.id AND $2::bool), k.id)
                    FROM named k)] END)
    ORDER BY t.id
    FOR UPDATE
)
SELECT l.id, l.number, l.state, l.priority, l.epoch, l.event_seq, l.requester_id, l.submitter_id, l.team_id, g.slug, l.restricted,
       l.owner_id, o.login, o.name, l.owner_region, desk.us(l.owned_at), l.first_response_at IS NOT NULL,
       desk.us(l.updated_at), desk.us(greatest(clock_timestamp(), l.updated_at)), (SELECT c.epoch FROM desk.cluster c),
       l.pending_reason, desk.us(l.pending_until), g.tier, l.impact, l.urgency, desk.us(l.nudged_at), b.slug,
       l.offered_to, p.login, p.name, desk.us(l.offered_until),
       coalesce((SELECT k.id FROM named k), l.id), CASE WHEN g.retired_at IS NULL THEN desk.us(l.reopen_until) END -- nobody would find it in a team that is no more
FROM locked l JOIN desk.team g ON g.id = l.team_id LEFT JOIN desk.app_user o ON o.id = l.owner_id
    LEFT JOIN desk.app_user p ON p.id = l.offered_to
    LEFT JOIN desk.team b ON b.id = l.past_teams[cardinality(l.past_teams)]
ORDER BY l.id
