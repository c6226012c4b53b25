-- How many wait and how many were set aside.
SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM dead)
