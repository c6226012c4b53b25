-- One change of a locked ticket: its row, the event, the notice, its place in the queue and what was answered, in one statement.
-- Guarded by the version and the epoch that were read under the lock: writes nothing when either has moved.
-- $1 id (uuid), $2 version (int), $3 epoch (bigint), $4 state (text), $5 team (int), $6 owner (uuid), $7 region of the owner (text),
-- $8 epoch rises by (bigint), $9 pending reason (text), $10 pending until (us), $11 cause, $12 solution, $13 prevention (text; of a resolution),
-- $14 reopened rises by (int), $15 is the first response (bool), $16 at (us), $17 actor (uuid), $18 actor's login (text),
-- $19 event type (text), $20 public (bool), $21 event data (jsonb), $22 ordinal in the transaction (int), $23 trace id (text),
-- $24 queue: put, take or null (text), $25 earliest deadline for the queue (us), $26 key of the command, null: not stored (text),
-- $27 hash of the command (bytea), $28 priority, $29 impact, $30 urgency (smallint), $31 until when it can be reopened if this closes it (us), $32 further
-- members of the answer, each with its comma before it (text), $33 offered to (uuid), $34 until (us)
WITH w AS (
    UPDATE desk.ticket AS t SET
        state = $4::text, priority = $28::smallint, impact = $29::smallint, urgency = $30::smallint, team_id = $5::int, restricted = (SELECT g.restricted FROM desk.team g WHERE g.id = $5::int),
        owner_id = $6::uuid, owner_region = $7::text,
        owned_at = CASE WHEN $6::uuid IS NULL THEN NULL WHEN t.owner_id = $6::uuid THEN t.owned_at ELSE desk.at($16::bigint) END,
        offered_to = $33::uuid, offered_until = desk.at($34::bigint),
        opened_to_all = t.opened_to_all AND t.team_id = $5::int OR $19::text = 'ticket.opened_to_all',
        waits_since = CASE WHEN $6::uuid IS NOT NULL OR $4::text NOT IN ('new', 'open')
                                OR t.owner_id IS NULL AND t.state IN ('new', 'open') AND t.team_id = $5::int THEN t.waits_since ELSE desk.at($16::bigint) END,
        epoch = t.epoch + $8::bigint, pending_reason = $9::text, pending_until = desk.at($10::bigint),
        cause = CASE WHEN $19::text = 'ticket.resolved' THEN $11::text ELSE t.cause END,
        solution = CASE WHEN $19::text = 'ticket.resolved' THEN $12::text ELSE t.solution END,
        prevention = CASE WHEN $19::text = 'ticket.resolved' THEN $13::text ELSE t.prevention END,
        reopened = t.reopened + $14::int, holds = t.holds + ($19::text = 'ticket.pended')::int, nudges = t.nudges + ($19::text = 'ticket.nudged')::int,
        nudged_at = CASE WHEN $19::text = 'ticket.nudged' THEN desk.at($16::bigint) ELSE t.nudged_at END,
        first_response_at = CASE WHEN $15::bool THEN coalesce(t.first_response_at, desk.at($16::bigint)) ELSE t.first_response_at END,
        resolved_at = CASE WHEN $4::text = 'resolved' THEN coalesce(t.resolved_at, desk.at($16::bigint))
                           WHEN $4::text = 'closed' THEN t.resolved_at END,
        reopen_until = CASE WHEN $4::text = 'closed' THEN CASE WHEN t.state = 'closed' THEN t.reopen_until ELSE desk.at($31::bigint) END END,
        closed_at = CASE WHEN $4::text IN ('closed', 'cancelled') THEN coalesce(t.closed_at, desk.at($16::bigint)) END,
        updated_at = desk.at($16::bigint), event_seq = t.event_seq + 1,
        event_hash = desk.event_hash(t.event_hash, t.id, t.event_seq + 1, $19::text, desk.at($16::bigint), $18::text, $21::jsonb)
    WHERE t.id = $1::uuid AND t.event_seq = $2::int AND t.epoch = $3::bigint
    RETURNING t.id, t.event_seq, t.event_hash, t.team_id, t.priority, t.created_at, left(desk.ticket_answer(t.*)::text, -1) || coalesce($32::text, '') || '}' AS answer
), e AS (
    INSERT INTO desk.event (position, ticket_id, seq, type, at, actor_id, actor, public, data, hash)
    SELECT desk.feed_position($22::int), w.id, w.event_seq, $19::text, desk.at($16::bigint), $17::uuid, $18::text, $20::bool, $21::jsonb, w.event_hash
    FROM w
    RETURNING position, ticket_id, seq
), o AS (
    INSERT INTO desk.outbox (position, ticket_id, event_seq, type, data, trace_id)
    SELECT e.position, e.ticket_id, e.seq, $19::text, $21::jsonb, $23::text FROM e
), taken AS (
    DELETE FROM desk.ready r WHERE r.ticket_id = $1::uuid AND $24::text = 'take' AND EXISTS (SELECT FROM w)
), put AS (
    INSERT INTO desk.ready (ticket_id, team_id, priority, due_at, created_at)
    SELECT w.id, w.team_id, w.priority, desk.at($25::bigint), w.created_at FROM w WHERE $24::text = 'put'
    ON CONFLICT (ticket_id) DO UPDATE SET team_id = excluded.team_id, priority = excluded.priority, due_at = excluded.due_at
), k AS (
    INSERT INTO desk.command (user_id, key, body_hash, response)
    SELECT $17::uuid, $26::text, $27::bytea, w.answer FROM w WHERE $26::text IS NOT NULL
)
SELECT w.answer, w.event_seq FROM w
