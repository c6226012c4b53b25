-- One at a time for what may close a circle of links, until the end of the transaction: two that do not know of each other could close one together.
-- Taken after the locks of the tickets; who has it waits for nobody. No parameters.
SELECT pg_advisory_xact_lock(hashtext('desk.link'))
