-- Why: whoever reads a resolved ticket is told until when it can be reopened, which only its timer knows.
-- Locks: ACCESS EXCLUSIVE on desk.timer for a moment.
-- Rollout: expand.
SET ROLE meridian_owner;
CREATE POLICY reader ON desk.timer FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system') OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id));
GRANT SELECT ON desk.timer TO meridian_intake;
RESET ROLE;
