-- One seeding at a time; whoever waits here finds the people there. Ends with the transaction.
SELECT pg_advisory_xact_lock(5567368374427705679)
