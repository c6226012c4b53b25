-- Claims made at the same time, each of the first ready ticket of its teams that nothing speaks against and nobody else holds, or what its key was answered before: see
-- schema/migrations/0019_match_skills.sql, and for $2 0010_create_sla_plan.sql. The key makes it safe to repeat. No row: nothing was done, clocks mind claims.
-- $1 the claims (json: n, agent, login, region, teams, key, hash, trace, epoch: the cluster epoch that the caller knows), $2 whether the caller will
-- bring the clocks of what it claims up to date in the same transaction (bool)
SELECT c.claim, c.cluster_epoch, c.response, c.response_hash, c.answer, c.busy FROM desk.claim_next($1::json, $2::bool) c
