-- The feeds of holidays of the plan that comes into force: all of them are due at once, as their calendars may be others now; what an attempt under way
-- brings is not taken. Those that it does not have are forgotten. Safe to repeat. $1 json [{"name", "config"}].
WITH wanted AS (
    SELECT w.name, w.config FROM jsonb_to_recordset($1::jsonb) AS w (name text, config jsonb)
), gone AS (
    DELETE FROM desk.calendar_feed f WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.name = f.name)
)
INSERT INTO desk.calendar_feed AS f (name, config) SELECT w.name, w.config FROM wanted w ORDER BY w.name
ON CONFLICT (name) DO UPDATE SET config = excluded.config, attempt = f.attempt + 1, next_at = now(), leased_until = NULL, fetched = NULL,
    etag = NULL, last_modified = NULL
