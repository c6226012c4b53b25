-- To whom a locked ticket is handed over: how many seconds they have to accept it; then, unless they are named, the best, by id, login and region, what decided,
-- and the best ten for whoever wants to know why. Always one row. $1 ticket, $2 who owns it (uuid), $3 desk that closes, null: none (text), $4 nobody is to be chosen (bool)
WITH c AS MATERIALIZED (
    SELECT c.* FROM desk.handover_candidates($1::uuid, $2::uuid, $3::text) c WHERE NOT $4::bool
)
SELECT g.handover_within, b.id, b.login, b.region, b.why,
       (SELECT json_agg(desk.candidate_json(c.login, c.affinity, c.speaks, c.load, c.capacity, c.share, c.idle_since) ORDER BY c.rank) FROM c WHERE c.rank <= 10)::text
FROM desk.ticket t JOIN desk.team g ON g.id = t.team_id LEFT JOIN c b ON b.rank = 1
WHERE t.id = $1::uuid
