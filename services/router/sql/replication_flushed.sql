-- How far a standby has flushed, at most, null without one; and the cluster epoch whose log that is.
SELECT (SELECT max(r.flush_lsn)::text FROM pg_stat_replication r WHERE r.state = 'streaming'), (SELECT c.epoch FROM desk.cluster c)
