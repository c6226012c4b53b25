-- Swaps of on-call shifts, the newest first. For agents. $1 text id of the last one seen, or null; $2 int most rows; filters, each null: any: $3 text
-- schedule, $4 text state, $5 text time: only those that end after it.
WITH page AS (
    SELECT s.id, j.value FROM desk.shift_swap s, LATERAL (SELECT desk.shift_swap_json(s) AS value) j
    WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
      AND ($1::uuid IS NULL OR s.id < $1::uuid) AND ($3::text IS NULL OR s.schedule = $3::text)
      AND ($4::text IS NULL OR j.value ->> 'state' = $4::text) AND ($5::timestamptz IS NULL OR s.to_at > $5::timestamptz)
    ORDER BY s.id DESC LIMIT $2::int + 1
), shown AS (
    SELECT * FROM page ORDER BY id DESC LIMIT $2::int
)
SELECT json_build_object(
    'next', CASE WHEN (SELECT count(*) FROM page) > $2::int THEN (SELECT id::text FROM shown ORDER BY id LIMIT 1) END,
    'items', coalesce((SELECT json_agg(value ORDER BY id DESC) FROM shown), '[]'))::text
