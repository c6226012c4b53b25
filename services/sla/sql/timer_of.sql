-- The timers of some tickets that come due before an instant: what a hint was about. $1 uuid[] tickets, $2 bigint up to (us). The columns of clock_ahead.
SELECT desk.us(fire_at), ticket_id, name, generation, desk.us(clock_timestamp()) FROM desk.timer
WHERE ticket_id = ANY ($1::uuid[]) AND fire_at <= desk.at($2::bigint);
