-- A plan of service levels. For agents. $1 text version, null: the one in force. No row: there is none.
SELECT json_build_object('version', p.version, 'tzdata', p.tzdata, 'applied_at', desk.rfc3339(p.applied_at), 'applied_by', p.applied_by,
    'calendar_versions', p.calendar_versions, 'document', p.document)::text
FROM desk.sla_plan p
WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
  AND p.version = coalesce($1::bigint, (SELECT max(l.version) FROM desk.sla_plan l))
