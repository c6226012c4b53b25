-- Whether somebody who owns a ticket of a team is there to go on with it: still in the team, and their desk is open. Where nobody knows when somebody
-- works, nobody counts on it. $1 user (uuid), $2 team (int)
SELECT EXISTS (
    SELECT FROM desk.app_user u
    JOIN desk.team_member m ON m.user_id = u.id AND m.team_id = $2::int
    JOIN desk.agent_desk d ON d.user_id = u.id
    JOIN desk.shift s ON s.desk = d.desk AND s.opens_at <= clock_timestamp() AND s.closes_at > clock_timestamp()
    WHERE u.id = $1::uuid AND u.disabled_at IS NULL)
