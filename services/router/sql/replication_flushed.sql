-- How far a standby has flushed, at most; null without one.
SELECT max(r.flush_lsn)::text FROM pg_stat_replication r WHERE r.state = 'streaming'
