-- Makes the monthly partitions of this month and the next ones. Safe to repeat. One row: how many could not be made. $1 months ahead (int)
SELECT desk.partitions_ensure($1::int)
