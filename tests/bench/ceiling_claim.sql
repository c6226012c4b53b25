\set agent random(1, 16)
SELECT desk.bench_claim(('00000000-0000-7000-8000-' || lpad(:agent::text, 12, '0'))::uuid);
