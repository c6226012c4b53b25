-- Writes the tickets; story.sql made the function. $1 int: how many.
SELECT pg_temp.seed_tickets($1::int)
