-- Remembers which ticket the key leads to, for whoever asks again. ?1 seq, ?2 "number region accepted (microseconds)"
UPDATE record SET answer = ?2 WHERE seq = ?1
