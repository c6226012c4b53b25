-- One change at a time to the swaps of a schedule, to the end of the transaction. $1 text schedule. The time (us) and the cluster epoch, read when it is ours.
WITH mine AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended('shift_swap/' || $1::text, 0)))
SELECT desk.us(clock_timestamp()), (SELECT c.epoch FROM desk.cluster c) FROM mine
