-- Whether any migration was ever applied to this database.
SELECT to_regclass('desk.schema_migration') IS NOT NULL
