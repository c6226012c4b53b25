-- What an escalation left for later: impact, urgency, team, whether also from its owner, and whether it is still to come. $1 ticket (uuid). No row: never anything.
SELECT w.impact, w.urgency, w.team, w.even_if_owned, w.waits FROM desk.robots_waiting($1::uuid) w
