-- The plan of service levels in force.
SELECT p.version, p.document::text, p.calendar_versions::text FROM desk.sla_plan p ORDER BY p.version DESC LIMIT 1
