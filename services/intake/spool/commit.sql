-- Ends it: durable when this returns.
COMMIT
