-- The open offer of a locked ticket ends. Who missed one of the dispatcher's is not there: away, until they say otherwise; whoever has said something since it
-- was made is there. Safe to repeat.
-- $1 ticket (uuid), $2 outcome (text), $3 reason (text, null: none), $4 at (us)
WITH ended AS MATERIALIZED (
    UPDATE desk.offer o SET outcome = $2::text, reason = $3::text, answered_at = desk.at($4::bigint)
    WHERE o.ticket_id = $1::uuid AND o.outcome IS NULL
    RETURNING o.user_id, o.kind, o.made_at
)
UPDATE desk.presence p SET state = 'away', since = desk.at($4::bigint), said_at = desk.at($4::bigint), until = NULL, reason = 'missed_offer', said_by = 'system:router'
WHERE p.user_id = (SELECT e.user_id FROM ended e WHERE e.kind = 'offer' AND $2::text = 'expired') AND p.said_at <= (SELECT e.made_at FROM ended e)
  AND desk.presence_now(p.state, p.until) = 'available'
