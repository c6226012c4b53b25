-- A sign of life of one copy of a service, and the cluster epoch. Safe to repeat.
-- $1 instance, $2 service, $3 region, $4 version, $5 bus URL (text), $6 started (us), $7 stats (jsonb)
WITH seen AS (
    INSERT INTO desk.instance (instance, service, region, version, bus_url, started_at, stats)
    VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, desk.at($6::bigint), $7::jsonb)
    ON CONFLICT (instance) DO UPDATE SET service = excluded.service, region = excluded.region, version = excluded.version,
        bus_url = excluded.bus_url, started_at = excluded.started_at, stats = excluded.stats, seen_at = now()
)
SELECT c.epoch FROM desk.cluster c
