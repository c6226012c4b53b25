-- Who lays out desk.duty does so alone, until the end of the transaction, and looks at what it follows from afterwards.
SELECT pg_advisory_xact_lock(hashtext('desk.duty'))
