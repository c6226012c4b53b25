-- One plan of service levels, which never changes. $1 version (bigint)
SELECT p.document::text, p.calendar_versions::text FROM desk.sla_plan p WHERE p.version = $1::bigint
