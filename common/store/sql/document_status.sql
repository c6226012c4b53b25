-- Every instance of every region and the depth of every queue between them. Counts stop at 100000 (of the queue at 10000). No parameters.
SELECT json_build_object(
    'cluster_epoch', (SELECT epoch FROM desk.cluster),
    'instances', coalesce((SELECT json_agg(row_to_json(i)) FROM (
        SELECT n.service, n.region, n.instance, n.version, desk.rfc3339(n.started_at) AS started_at, desk.rfc3339(n.seen_at) AS seen_at,
               round(extract(epoch FROM now() - n.seen_at)::numeric, 1) AS age_s,
               desk.is_alive(n.seen_at) AS alive, n.stats
        FROM desk.instance n ORDER BY n.region, n.service, n.instance) i), '[]'),
    'spool_depth', (SELECT coalesce(sum((stats ->> 'spool_depth')::bigint), 0) FROM desk.instance WHERE service = 'intake'),
    'spool_dead', (SELECT coalesce(sum((stats ->> 'spool_dead')::bigint), 0) FROM desk.instance WHERE service = 'intake'),
    'outbox_depth', (SELECT count(*) FROM (SELECT FROM desk.outbox LIMIT 100000) x),
    'ready_depth', (SELECT count(*) FROM (SELECT FROM desk.ready LIMIT 10000) x),
    'deliveries', json_build_object(
        'queued', (SELECT count(*) FROM (SELECT FROM desk.delivery WHERE next_at IS NOT NULL AND state = 'queued' LIMIT 100000) x),
        'sending', (SELECT count(*) FROM (SELECT FROM desk.delivery WHERE next_at IS NOT NULL AND state = 'sending' LIMIT 100000) x),
        'dead', (SELECT count(*) FROM (SELECT FROM desk.delivery WHERE state IN ('dead', 'uncertain') AND state = 'dead' LIMIT 100000) x),
        'uncertain', (SELECT count(*) FROM (SELECT FROM desk.delivery WHERE state IN ('dead', 'uncertain') AND state = 'uncertain' LIMIT 100000) x)))::text
