-- This scheduler leaves: others take its shards at once. Safe to repeat. $1 bigint term
SELECT desk.shards_release($1::bigint);
