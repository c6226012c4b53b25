-- The migrations applied so far, oldest first.
SELECT version, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
FROM desk.schema_migration
ORDER BY version
