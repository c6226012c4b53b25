-- Whether somebody who owns a ticket of a team is there to go on with it: still in the team, and their desk is open. Where nobody knows when somebody
-- works, nobody counts on it. $1 user (uuid), $2 team (int)
SELECT EXISTS (SELECT FROM desk.app_user u WHERE u.id = $1::uuid AND u.disabled_at IS NULL)
   AND EXISTS (SELECT FROM desk.team_member m WHERE m.user_id = $1::uuid AND m.team_id = $2::int)
   AND EXISTS (SELECT FROM desk.shift s
               WHERE s.desk = (SELECT d.desk FROM desk.agent_desk d WHERE d.user_id = $1::uuid) AND s.opens_at <= clock_timestamp() AND s.closes_at > clock_timestamp())
