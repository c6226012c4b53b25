-- Microseconds until the next clock is due; no row when none runs. Those already due belong to the sweep.
SELECT desk.us(fire_at) - desk.us(now()) FROM desk.clock WHERE fire_at > now() ORDER BY fire_at LIMIT 1;
