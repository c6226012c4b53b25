-- Begins to dispatch a ticket: whether nobody else dispatches (the lock lasts until the end of the transaction), and if so, whether the ticket waits in the
-- queue of a team that dispatches and is locked now; whether that team offers, and for how many seconds. What is locked by others is not waited for.
-- $1 number (text)
SELECT k.mine, t.mode IS NOT NULL, t.mode = 'offer', t.accept_within
FROM (SELECT pg_try_advisory_xact_lock(hashtext('desk.dispatch')) AS mine OFFSET 0) k
LEFT JOIN LATERAL (
    SELECT g.mode, g.accept_within
    FROM (SELECT x.team_id FROM desk.ticket x
          WHERE k.mine AND x.number = $1::text AND x.owner_id IS NULL AND x.offered_to IS NULL AND x.state IN ('new', 'open')
            AND NOT EXISTS (SELECT FROM desk.timer w WHERE w.ticket_id = x.id AND w.name = 'overflow' AND w.fire_at <= now() OFFSET 0) -- it is to leave
          FOR UPDATE SKIP LOCKED) x
    JOIN desk.team g ON g.id = x.team_id WHERE g.mode <> 'pull' AND g.retired_at IS NULL) t ON true
