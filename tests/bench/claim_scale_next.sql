-- One claim of the next ticket by a random agent of claim_scale.sql, as the router makes it.
\set a random(1, 10000)
\set k random(1, 1000000000000)
SELECT c.answer IS NOT NULL FROM desk.claim_next(json_build_array(json_build_object('n', 0, 'epoch', 1, 'teams', json_build_array(1001 + (:a * 7) % 500, 1001 + (:a * 7 + 167) % 500,
    1001 + (:a * 7 + 334) % 500), 'agent', md5('scale-' || :a)::uuid, 'login', 'scale-' || :a, 'region', 'eu', 'key', 'k' || :k, 'hash', '')), true) c;
