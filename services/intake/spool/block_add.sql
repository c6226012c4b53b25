-- Keeps a leased block of numbers. ?1 first, ?2 count
INSERT OR IGNORE INTO number_block (first, count, next) VALUES (?1, ?2, ?1)
