-- What speaks against handing a locked ticket over to whom its owner names: skills or capacity, as when they accept; null: nothing. Always one row.
-- $1 ticket (uuid), $2 who is named (uuid)
SELECT CASE WHEN u.role NOT IN ('lead', 'admin') THEN desk.refusal(t.skills, t.priority, 'anybody', s.skills, s.awake, s.is_full) END
FROM desk.ticket t CROSS JOIN desk.app_user u CROSS JOIN LATERAL desk.standing(u.id) s WHERE t.id = $1::uuid AND u.id = $2::uuid
