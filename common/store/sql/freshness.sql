-- How old what this server shows may be: its time, whether it is a standby, when the last transaction it replayed was committed, and up to where it replayed.
-- No parameters. A primary shows its own time.
SELECT desk.us(now()), pg_is_in_recovery(),
       desk.us(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()) ELSE now() END),
       CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') ELSE pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') END::bigint
