-- Who is given a locked ticket, by id, login and region; what decided; and the best ten, for whoever wants to know why. $1 ticket (uuid). No row: nobody.
WITH c AS MATERIALIZED (
    SELECT * FROM desk.dispatch_candidates($1::uuid)
)
SELECT b.id, b.login, b.region, b.why,
       (SELECT json_agg(desk.candidate_json(c.login, c.affinity, c.speaks, c.load, c.capacity, c.share, c.idle_since) ORDER BY c.rank) FROM c WHERE c.rank <= 10)::text
FROM c b WHERE b.rank = 1
