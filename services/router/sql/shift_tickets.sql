-- What agents of a desk still own of teams that do not leave it with them, since before it closed, and whether it is to be handed over. Nothing while the desk is open again.
-- $1 desk (text), $2 when it closed (us), $3 most rows (int)
SELECT t.number, (SELECT u.login FROM desk.app_user u WHERE u.id = a.user_id), g.shift_end = 'hand_over'
FROM (SELECT d.user_id FROM desk.agent_desk d WHERE d.desk = $1::text OFFSET 0) a
CROSS JOIN LATERAL (SELECT o.ticket_id FROM desk.owned o WHERE o.owner_id = a.user_id OFFSET 0) w
CROSS JOIN LATERAL (SELECT k.number, k.team_id FROM desk.ticket k
                    WHERE k.id = w.ticket_id AND k.state = 'open' AND k.owner_id = a.user_id AND k.owned_at < desk.at($2::bigint) OFFSET 0) t
JOIN desk.team g ON g.id = t.team_id
WHERE g.shift_end <> 'keep'
  AND NOT EXISTS (SELECT FROM desk.shift n WHERE n.desk = $1::text AND n.opens_at <= clock_timestamp() AND n.closes_at > clock_timestamp())
LIMIT $3::int
