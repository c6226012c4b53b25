-- What became of the days that came. Under the lock of feed_lock. $1 text name, $2 text why they cannot be taken (null: they can), $3 json why they wait
-- for somebody (null: they do not), $4 bigint the version of the plan that they made (null: none). What waits because it came too often is fetched again, also
-- when it is still the same.
UPDATE desk.calendar_feed f SET fetched = NULL, error = $2::text, failures = CASE WHEN $2::text IS NULL THEN 0 ELSE f.failures + 1 END,
    succeeded_at = CASE WHEN $2::text IS NULL THEN now() ELSE f.succeeded_at END,
    etag = CASE WHEN $2::text IS NULL AND $3::jsonb ->> 'reason' IS DISTINCT FROM 'too_often' THEN f.etag END,
    last_modified = CASE WHEN $2::text IS NULL AND $3::jsonb ->> 'reason' IS DISTINCT FROM 'too_often' THEN f.last_modified END,
    held = CASE WHEN $2::text IS NULL THEN $3::jsonb ELSE f.held END,
    held_at = CASE WHEN $2::text IS NOT NULL THEN f.held_at WHEN $3::jsonb IS NULL THEN NULL ELSE coalesce(f.held_at, now()) END,
    plan_version = coalesce($4::bigint, f.plan_version),
    made = CASE WHEN $4::bigint IS NULL THEN f.made ELSE ARRAY(SELECT m FROM unnest(f.made) m WHERE m > now() - interval '1 day') || now() END
WHERE f.name = $1::text
