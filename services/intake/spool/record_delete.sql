-- Drops a record whose ticket is safe elsewhere. ?1 seq
DELETE FROM record WHERE seq = ?1
