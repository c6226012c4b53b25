-- Claims the first ready ticket of some teams, or repeats what the key was answered. Safe under any concurrency: both the queue row and
-- the ticket are locked or passed over, so that nobody waits and nobody claims twice. The key makes it safe to repeat; "nothing is ready" is
-- remembered too, as '', so that a late second delivery does not claim a ticket that nobody will be told of.
-- The lateral steps are a program, not a hint: the heads of the queues in order, then one after the other until one can be locked. An ORDER BY
-- outside would make the planner lock them all. The row in the queue comes first, though everybody else locks the ticket first: who never waits
-- cannot deadlock, and of what others are claiming it is the cheaper one to find locked.
-- Once there has been a plan of service levels that minds claims, the ticket is only locked and named: its clocks may move, which claim.c sees to.
-- $1 teams (int[]), $2 agent (uuid), $3 agent's login (text), $4 region (text), $5 key (text), $6 hash (bytea), $7 trace id (text),
-- $8 the cluster epoch that the caller knows (bigint): nothing happens in an older cluster, $9 ordinal in the transaction (int)
WITH cluster AS (
    SELECT c.epoch FROM desk.cluster c
), before AS (
    SELECT k.response, k.body_hash FROM desk.command k WHERE k.user_id = $2::uuid AND k.key = $5::text
), head AS MATERIALIZED (
    SELECT c.ticket_id
    FROM unnest($1::int[]) AS team (id)
    CROSS JOIN LATERAL (SELECT q.ticket_id, q.priority, q.due_at FROM desk.ready q WHERE q.team_id = team.id
                        ORDER BY q.team_id, q.priority, q.due_at, q.ticket_id LIMIT 32) c
    WHERE NOT EXISTS (SELECT FROM before) AND (SELECT epoch FROM cluster) >= $8::bigint
    ORDER BY c.priority, c.due_at, c.ticket_id
), candidate AS MATERIALIZED (
    SELECT t.id, t.number, greatest(clock_timestamp(), t.updated_at) AS at,
           jsonb_build_object('owner', $3::text, 'region', $4::text, 'epoch', t.epoch + 1, 'state', 'open', 'priority', t.priority,
               'team', (SELECT g.slug FROM desk.team g WHERE g.id = t.team_id))
               || CASE WHEN t.state <> 'open' THEN jsonb_build_object('from_state', t.state) ELSE '{}' END AS data,
           EXISTS (SELECT FROM desk.sla_plan p WHERE p.minds_claims) AS minds
    FROM head
    CROSS JOIN LATERAL (SELECT q.ticket_id FROM desk.ready q WHERE q.ticket_id = head.ticket_id AND q.team_id = ANY ($1::int[])
                        FOR UPDATE SKIP LOCKED) r
    CROSS JOIN LATERAL (SELECT k.id, k.number, k.updated_at, k.epoch, k.priority, k.team_id, k.state FROM desk.ticket k
                        WHERE k.id = r.ticket_id AND k.owner_id IS NULL AND k.state IN ('new', 'open')
                        FOR UPDATE SKIP LOCKED) t
    LIMIT 1
), taken AS (
    DELETE FROM desk.ready r WHERE r.ticket_id = (SELECT c.id FROM candidate c WHERE NOT c.minds)
), w AS (
    UPDATE desk.ticket AS t SET
        state = 'open', owner_id = $2::uuid, owner_region = $4::text, owned_at = (SELECT c.at FROM candidate c), epoch = t.epoch + 1,
        updated_at = (SELECT c.at FROM candidate c), event_seq = t.event_seq + 1,
        event_hash = desk.event_hash(t.event_hash, t.id, t.event_seq + 1, 'ticket.claimed', (SELECT c.at FROM candidate c), $3::text,
                                     (SELECT c.data FROM candidate c))
    WHERE t.id = (SELECT c.id FROM candidate c WHERE NOT c.minds)
    RETURNING t.id, t.number, t.event_seq, t.event_hash, t.updated_at AS at, desk.ticket_answer(t.*)::text AS answer
), e AS (
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
    SELECT desk.feed_position($9::int), w.id, w.event_seq, 'ticket.claimed', w.at, $2::uuid, $3::text, true, (SELECT c.data FROM candidate c), w.event_hash
    FROM w
    RETURNING position, ticket_id, seq, data
), o AS (
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data, trace_id)
    SELECT e.position, e.ticket_id, e.seq, 'ticket.claimed', e.data, $7::text FROM e
), k AS (
    INSERT INTO desk.command (user_id, key, body_hash, response)
    SELECT $2::uuid, $5::text, $6::bytea, coalesce(w.answer, '') FROM cluster LEFT JOIN w ON true
    WHERE NOT EXISTS (SELECT FROM before) AND cluster.epoch >= $8::bigint AND (w.answer IS NOT NULL OR NOT EXISTS (SELECT FROM head))
)
SELECT cluster.epoch, before.response, encode(before.body_hash, 'hex'), w.answer, w.answer IS NULL AND EXISTS (SELECT FROM head),
       (SELECT c.number FROM candidate c WHERE c.minds)
FROM cluster LEFT JOIN before ON true LEFT JOIN w ON true
