-- A locked ticket goes on that was on hold: while the desk of its owner is closed, the end of its last shift is looked at again, as by a ticket that was open then.
-- $1 owner (uuid), $2 team (int)
UPDATE desk.shift s SET swept_at = NULL, again = s.again + 1
WHERE s.desk = (SELECT d.desk FROM desk.agent_desk d WHERE d.user_id = $1::uuid)
  AND s.opens_at = (SELECT n.opens_at FROM desk.shift n WHERE n.desk = (SELECT d.desk FROM desk.agent_desk d WHERE d.user_id = $1::uuid)
                    AND n.opens_at <= clock_timestamp() ORDER BY n.opens_at DESC LIMIT 1)
  AND s.closes_at <= clock_timestamp() AND (SELECT g.shift_end <> 'keep' FROM desk.team g WHERE g.id = $2::int)
