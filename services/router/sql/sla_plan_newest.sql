-- The version of the plan of service levels in force.
SELECT max(p.version) FROM desk.sla_plan p
