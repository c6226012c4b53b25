-- One migration run at a time in this database; held until the connection closes. The number is "MERIDIAN" in ASCII.
SELECT pg_advisory_lock(5567368374427705678)
