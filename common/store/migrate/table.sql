-- Where migrations are recorded; made with the first one, which makes the schema. A script, not a statement.
CREATE TABLE IF NOT EXISTS desk.schema_migration (
    version int PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.schema_migration IS 'Migrations applied, with the SHA-256 of the file as it was then.';
GRANT SELECT ON desk.schema_migration TO meridian_intake, meridian_router, meridian_sla, meridian_notifier;
