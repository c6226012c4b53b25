-- What the clocks of new tickets need: the database's time, the cluster epoch, and all targets; and whether the team is there that gets what names none.
SELECT n.us, (SELECT c.epoch FROM desk.cluster c), s.priority, s.target, s.seconds, s.warn_percent, EXISTS (SELECT FROM desk.team g WHERE g.id = 1)
FROM (SELECT desk.us(clock_timestamp()) AS us OFFSET 0) n CROSS JOIN desk.sla_target s
