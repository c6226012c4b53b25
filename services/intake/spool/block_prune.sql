-- Forgets blocks that are used up.
DELETE FROM number_block WHERE next >= first + count
