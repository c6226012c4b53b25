-- Claims due deliveries of one channel for this process: the most urgent class first, then the longest due, no more per destination than its lane has
-- room for. Costs by lanes, not by backlog: the lanes are found by skipping through the index. What was "sending" and is due again lost its sender: that attempt is recorded as uncertain and the delivery goes out again under
-- the same id. Safe to run from many processes at once (SKIP LOCKED); if the answer is lost, the lease runs out.
-- $1 text instance, $2 text channel, $3 int limit, $4 jsonb rooms {"lane": n}, $5 int room of other lanes, $6 bigint lease in microseconds, $7 int how many of the
-- $3 may be ordinary ones (class 1 and 2).
-- id, destination, region, payload as the channel takes it, attempts with this one, lost (true: the sender died), lane, endpoint, disabled.
WITH RECURSIVE lanes (lane) AS (
    (SELECT v.lane FROM desk.delivery v WHERE v.channel = $2 AND v.next_at IS NOT NULL ORDER BY v.lane LIMIT 1)
    UNION ALL
    SELECT (SELECT v.lane FROM desk.delivery v WHERE v.channel = $2 AND v.next_at IS NOT NULL AND v.lane > l.lane ORDER BY v.lane LIMIT 1)
    FROM lanes l WHERE l.lane IS NOT NULL
), room AS MATERIALIZED (
    SELECT l.lane, coalesce(($4::jsonb ->> l.lane)::int, $5) AS n FROM lanes l WHERE l.lane IS NOT NULL
), candidate AS MATERIALIZED (
    SELECT d.id, d.class, d.next_at, r.lane
    FROM room r
    CROSS JOIN LATERAL (
        SELECT v.id, c.class, v.next_at
        FROM (VALUES (0::smallint), (1::smallint), (2::smallint)) c (class)
        CROSS JOIN LATERAL (
            SELECT w.id, w.next_at FROM desk.delivery w
            WHERE w.channel = $2 AND w.lane = r.lane AND w.class = c.class AND w.next_at <= now()
            ORDER BY w.next_at LIMIT r.n) v
        WHERE c.class = 0 OR $7::int > 0
        ORDER BY c.class, v.next_at LIMIT r.n) d
    WHERE r.n > 0
), fair AS (
    SELECT f.id, f.lane
    FROM (SELECT * FROM candidate c WHERE c.class = 0
          UNION ALL
          (SELECT * FROM candidate c WHERE c.class > 0 ORDER BY c.class, c.next_at LIMIT $7)) f
    ORDER BY f.class, f.next_at LIMIT $3
), locked AS MATERIALIZED (
    SELECT v.id, v.state = 'sending' AS lost, f.lane
    FROM desk.delivery v JOIN fair f ON f.id = v.id
    WHERE v.next_at <= now()
    FOR UPDATE OF v SKIP LOCKED
), taken AS (
    UPDATE desk.delivery v
    SET state = 'sending', attempts = v.attempts + 1, lease_by = $1, next_at = now() + $6::bigint * interval '1 microsecond'
    FROM locked l WHERE v.id = l.id
    RETURNING v.id, v.destination, v.region, v.payload, v.attempts, l.lost, l.lane, v.endpoint_id, v.class, v.created_at
), uncertain AS (
    INSERT INTO desk.delivery_attempt (delivery_id, attempt, region, outcome, detail)
    SELECT t.id, coalesce((SELECT max(attempt) FROM desk.delivery_attempt a WHERE a.delivery_id = t.id), 0) + 1, t.region, 'uncertain',
           'the sender did not report back'
    FROM taken t WHERE t.lost
    ON CONFLICT DO NOTHING
)
SELECT t.id, coalesce(w.url, t.destination), t.region,
       CASE WHEN t.endpoint_id IS NULL THEN t.payload::text ELSE jsonb_build_object('secret', w.secret, 'body', t.payload::text)::text END,
       t.attempts, t.lost, t.lane, t.endpoint_id, t.endpoint_id IS NOT NULL AND (w.id IS NULL OR w.disabled_at IS NOT NULL)
FROM taken t LEFT JOIN desk.webhook_endpoint w ON w.id = t.endpoint_id
ORDER BY t.class, t.created_at;
