\set n random(1, :tickets)
SELECT row_to_json(t) FROM desk.ticket t WHERE number = 'EU-' || :n;
SELECT json_agg(c) FROM desk.clock c JOIN desk.ticket t ON t.id = c.ticket_id WHERE t.number = 'EU-' || :n;
