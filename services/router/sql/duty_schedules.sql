-- The on-call schedules that teams name. Team, its slug, main or backup, schedule.
SELECT g.id, g.slug, r.role, r.schedule FROM desk.team g
CROSS JOIN LATERAL (VALUES ('main', g.duty_main), ('backup', g.duty_backup)) r (role, schedule)
WHERE r.schedule IS NOT NULL AND g.retired_at IS NULL ORDER BY g.slug, r.role DESC
