-- One organisation, which never changes, and the ids of all teams by name. $1 version (bigint)
SELECT o.document::text, (SELECT coalesce(json_object_agg(g.slug, g.id), '{}')::text FROM desk.team g) FROM desk.organisation o WHERE o.version = $1::bigint
