-- At start: what this instance was sending when it last died is due at once, instead of when its lease ends. Repeatable.
-- $1 text instance.
UPDATE desk.delivery SET next_at = now() WHERE state = 'sending' AND lease_by = $1 AND next_at > now();
