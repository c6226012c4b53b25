-- Tickets that came into the queue while the organisation that gives their team an overflow was just being committed: from now on they overflow as well; a row
-- each. $1 most rows (int)
SELECT c.ticket_id FROM desk.overflow_catch_up($1::int) c
