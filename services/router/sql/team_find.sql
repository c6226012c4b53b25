-- A team of the organisation by its slug. $1 slug (text)
SELECT g.id, g.restricted, g.tier FROM desk.team g WHERE g.slug = $1::text AND g.retired_at IS NULL
