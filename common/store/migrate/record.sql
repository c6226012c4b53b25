-- Marks a migration as applied, in its own transaction where it has one. $1 int: version, $2 text: file name, $3 text: checksum.
INSERT INTO desk.schema_migration (version, name, checksum) VALUES ($1::int, $2, $3)
