-- The newest seq that was ever given.
SELECT seq FROM sqlite_sequence WHERE name = 'record'
