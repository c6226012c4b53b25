-- Why: the tickets that were owned before 0007 are not in desk.owned yet.
-- Locks: each owned ticket, as one who changes it: their writes wait, those of all others do not. A row that its trigger has put there meanwhile stays.
-- Rollout: expand.
SET ROLE meridian_owner;
INSERT INTO desk.owned (owner_id, ticket_id)
    SELECT o.owner_id, o.id FROM (SELECT t.owner_id, t.id FROM desk.ticket t WHERE t.owner_id IS NOT NULL ORDER BY t.id FOR NO KEY UPDATE) o
    ON CONFLICT DO NOTHING;
RESET ROLE;
