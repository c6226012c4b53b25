-- Undoes it.
ROLLBACK
