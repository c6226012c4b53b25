-- Claims made at the same time, each of the first ready ticket of its teams that nobody else holds, or what its key was answered before: see
-- schema/migrations/0007_claim_in_groups.sql. The key makes it safe to repeat.
-- $1 the claims (json: n, agent, login, region, teams, key, hash, trace, epoch: the cluster epoch that the caller knows)
SELECT c.claim, c.cluster_epoch, c.response, c.response_hash, c.answer, c.busy FROM desk.claim_next($1::json) c
