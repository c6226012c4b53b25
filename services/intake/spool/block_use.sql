-- Numbers of a block up to ?2 were given out. ?1 first, ?2 number
UPDATE number_block SET next = max(next, ?2 + 1) WHERE first = ?1
