-- Why: an escalation exists because somebody has to be told now; its notice goes with those of the clocks, before everything else.
-- Locks: ACCESS EXCLUSIVE on desk.outbox while its rows, which are few, are written anew.
-- Rollout: expand. Notifiers of the former release take such a notice as urgent and tell nobody of a type that they do not know, but webhooks.
SET ROLE meridian_owner;

ALTER TABLE desk.outbox DROP COLUMN urgent, -- and its index
    ADD COLUMN urgent boolean NOT NULL GENERATED ALWAYS AS (type LIKE 'sla.%' OR type = 'escalation.notified' OR data @> '{"priority": 1}') STORED;
CREATE INDEX outbox_urgent ON desk.outbox (id) WHERE urgent;
COMMENT ON COLUMN desk.outbox.urgent IS 'Of a P1, of the clocks or an escalation: told before everything else.';
RESET ROLE;
