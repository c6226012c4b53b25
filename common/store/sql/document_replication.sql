-- How far each standby is behind; answered by the primary, read with its own rights. No parameters.
SELECT json_build_object('replication', coalesce((SELECT json_agg(row_to_json(s)) FROM (
    SELECT application_name AS name, state, sync_state, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), replay_lsn)::bigint AS lag_bytes,
           coalesce((extract(epoch FROM replay_lag) * 1000)::bigint, 0) AS lag_ms
    FROM pg_stat_replication WHERE state IS NOT NULL AND application_name NOT LIKE 'pg\_basebackup%' ORDER BY application_name) s), '[]'))::text
