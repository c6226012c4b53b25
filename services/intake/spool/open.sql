-- How the spool's file is used: one connection that owns it, a write-ahead log, and fdatasync at every commit.
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 16777216;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -4096;
PRAGMA trusted_schema = OFF;
