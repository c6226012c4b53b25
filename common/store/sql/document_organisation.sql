-- An organisation. For agents. $1 text version, null: the one in force. No row: there is none.
SELECT json_build_object('version', o.version, 'applied_at', desk.rfc3339(o.applied_at), 'applied_by', o.applied_by, 'document', o.document)::text
FROM desk.organisation o
WHERE current_setting('meridian.kind', true) IN ('agent', 'lead', 'admin', 'system')
  AND o.version = coalesce($1::bigint, (SELECT max(l.version) FROM desk.organisation l))
