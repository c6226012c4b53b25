-- Why: a review of the rights. Leads saw the notices of restricted teams they are not in, and everybody the attempts at them; reports could read
--      mail addresses and descriptions, which no view shows; the notifier could redirect a webhook; any role could make temporary tables and
--      large objects, also the one that faces the internet and must not write at all; the events could be truncated by their owner.
-- Locks: brief ACCESS EXCLUSIVE on desk.delivery, desk.delivery_attempt and desk.event (policies, trigger).
-- Rollout: contracts rights that no statement of this or the former release uses.

DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'only a superuser can revoke temporary tables and large objects from everybody: %', SQLERRM;
END $$;

SET ROLE meridian_owner;

DROP POLICY reader ON desk.delivery;
CREATE POLICY reader ON desk.delivery FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR current_setting('meridian.kind', true) = 'lead' AND (ticket_id IS NULL OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id)));
ALTER TABLE desk.delivery_attempt ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.delivery_attempt FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON desk.delivery_attempt TO meridian_owner USING (true) WITH CHECK (true);
CREATE POLICY notifier_all ON desk.delivery_attempt TO meridian_notifier USING (true) WITH CHECK (true);
CREATE POLICY reader ON desk.delivery_attempt FOR SELECT TO meridian_intake USING
    (EXISTS (SELECT FROM desk.delivery d WHERE d.id = delivery_id));

REVOKE UPDATE ON desk.webhook_endpoint FROM meridian_notifier;
GRANT UPDATE (disabled_at, disabled_reason) ON desk.webhook_endpoint TO meridian_notifier;

REVOKE SELECT ON desk.app_user, desk.ticket FROM meridian_report;
GRANT SELECT (id, login) ON desk.app_user TO meridian_report;
GRANT SELECT (id, number, subject, state, priority, impact, urgency, service, language, channel, region, team_id, requester_id, owner_id, owner_region,
              accepted_at, created_at, first_response_at, resolved_at, closed_at, reopened) ON desk.ticket TO meridian_report;

CREATE TRIGGER event_never_emptied BEFORE TRUNCATE ON desk.event FOR EACH STATEMENT EXECUTE FUNCTION desk.refuse_change();
RESET ROLE;
