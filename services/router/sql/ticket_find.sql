-- Where a number leads, without a lock. $1 number or alias (text), or $2 id (uuid). The ticket, its root, and of its merge: when (us), whether it was new.
SELECT k.id, coalesce(m.root_id, k.id), desk.us(m.at), m.was_new
FROM (SELECT n.id FROM desk.ticket n WHERE n.number = $1::text
      UNION ALL SELECT a.ticket_id FROM desk.ticket_alias a WHERE a.number = $1::text
      UNION ALL SELECT $2::uuid WHERE $2::uuid IS NOT NULL
      LIMIT 1) k
LEFT JOIN LATERAL (SELECT v.root_id, v.at, v.was_new FROM desk.merge v WHERE v.source_id = k.id LIMIT 1) m ON true
