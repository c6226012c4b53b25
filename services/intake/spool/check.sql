-- Is the file what it should be? One row "ok".
PRAGMA quick_check(1)
