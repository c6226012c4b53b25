-- What the clocks of new tickets need: the database's time, the cluster epoch, and all targets.
SELECT desk.us(clock_timestamp()), (SELECT c.epoch FROM desk.cluster c), s.priority, s.target, s.seconds, s.warn_percent
FROM desk.sla_target s
