-- Blocks with numbers left.
SELECT first, count, next FROM number_block WHERE next < first + count ORDER BY first
