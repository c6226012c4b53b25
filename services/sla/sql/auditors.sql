-- What the auditors of other regions last said of themselves in the registry of instances: how many were heard of in the last day, how many of them
-- in the last $1 microseconds and were content, how many then were in alarm. An auditor of an older release says no more than whether it is in alarm.
-- $1 bigint microseconds.
SELECT count(*),
       count(*) FILTER (WHERE fresh AND coalesce(stats -> 'content', to_jsonb(stats -> 'alarm' = 'false'::jsonb)) = 'true'::jsonb),
       count(*) FILTER (WHERE fresh AND stats -> 'alarm' = 'true'::jsonb)
FROM (SELECT i.stats, i.seen_at > now() - $1::bigint * interval '1 microsecond' AS fresh
      FROM desk.instance i
      WHERE i.service = 'sla' AND i.stats ->> 'role' = 'auditor' AND i.seen_at > now() - interval '1 day') a
