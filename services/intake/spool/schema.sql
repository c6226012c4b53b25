-- The spool's tables. seq is the order of acceptance and never reused; checksum covers what was promised (spool_store.c); answer is the ticket's
-- number, region and time of acceptance where the key had made one before.
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    submission_key BLOB NOT NULL UNIQUE,
    body_hash BLOB NOT NULL,
    number TEXT NOT NULL,
    accepted_us INTEGER NOT NULL,
    payload BLOB NOT NULL,
    checksum BLOB NOT NULL,
    answer TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS dead (
    seq INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    reason TEXT NOT NULL,
    submission_key BLOB,
    body_hash BLOB,
    number TEXT,
    accepted_us INTEGER,
    payload BLOB,
    checksum BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS number_block (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    next INTEGER NOT NULL
) STRICT;
