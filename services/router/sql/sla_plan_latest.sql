-- The plan of service levels in force, and the cluster epoch.
SELECT p.version, p.document::text, p.calendar_versions::text, (SELECT c.epoch FROM desk.cluster c) FROM desk.sla_plan p ORDER BY p.version DESC LIMIT 1
