-- Drops records whose tickets are safe elsewhere. ?1 first seq, ?2 last
DELETE FROM record WHERE seq BETWEEN ?1 AND ?2
