-- The organisation in force, and the cluster epoch.
SELECT o.version, o.document::text, (SELECT c.epoch FROM desk.cluster c) FROM desk.organisation o ORDER BY o.version DESC LIMIT 1
