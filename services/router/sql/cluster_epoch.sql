-- The cluster epoch of this database.
SELECT c.epoch FROM desk.cluster c
