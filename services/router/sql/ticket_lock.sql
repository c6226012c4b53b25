-- Locks one ticket for the rest of the transaction and reads what a decision about it needs, as of after the lock.
-- $1 number or alias (text)
WITH locked AS MATERIALIZED (
    SELECT t.* FROM desk.ticket t
    WHERE t.id = (SELECT n.id FROM desk.ticket n WHERE n.number = $1::text
                  UNION ALL SELECT a.ticket_id FROM desk.ticket_alias a WHERE a.number = $1::text LIMIT 1)
    FOR UPDATE
)
SELECT l.id, l.number, l.state, l.priority, l.epoch, l.event_seq, l.requester_id, l.submitter_id, l.team_id, g.slug, l.restricted,
       l.owner_id, o.login, o.name, l.owner_region, desk.us(l.owned_at), l.first_response_at IS NOT NULL,
       desk.us(l.updated_at), desk.us(greatest(clock_timestamp(), l.updated_at)), (SELECT c.epoch FROM desk.cluster c),
       l.pending_reason, desk.us(l.pending_until), g.tier, l.impact, l.urgency, desk.us(l.nudged_at), b.slug
FROM locked l JOIN desk.team g ON g.id = l.team_id LEFT JOIN desk.app_user o ON o.id = l.owner_id
    LEFT JOIN desk.team b ON b.id = l.past_teams[cardinality(l.past_teams)]
