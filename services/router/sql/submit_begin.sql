-- What a batch of new tickets needs: the database's time, the cluster epoch, the versions of the plan of service levels and of the organisation in
-- force, and for each record the team for an organisation that has none (that of its service, else team 1; null when that is not there), the names of its
-- people, and whether its submitter is one of the desk.
-- $1 json [{ordinal, service, requester_id, submitter_id}]
SELECT n.us, (SELECT c.epoch FROM desk.cluster c), (SELECT p.version FROM desk.sla_plan p ORDER BY p.version DESC LIMIT 1), i.ordinal,
       d.id, d.slug, d.tier, d.restricted,
       (SELECT r.login FROM desk.app_user r WHERE r.id = i.requester_id), (SELECT s.login FROM desk.app_user s WHERE s.id = i.submitter_id),
       coalesce((SELECT s.role <> 'requester' FROM desk.app_user s WHERE s.id = i.submitter_id), false),
       (SELECT o.version FROM desk.organisation o ORDER BY o.version DESC LIMIT 1)
FROM (SELECT desk.us(clock_timestamp()) AS us OFFSET 0) n
CROSS JOIN json_to_recordset($1::json) AS i (ordinal int, service text, requester_id uuid, submitter_id uuid)
LEFT JOIN desk.team g ON g.slug = i.service
LEFT JOIN desk.team d ON d.id = coalesce(g.id, 1)
