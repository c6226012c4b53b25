-- Why: with the owner in an index, each claim writes all indexes of desk.ticket; desk.owned has taken its place. The owner is no foreign key any more, as an
--      event's actor is none: users are never deleted, and each claim locked the row of its agent.
-- Locks: ACCESS EXCLUSIVE on desk.ticket and desk.app_user, for a moment.
-- Rollout: contract. Intakes of the former release list the tickets of an owner without an index until they are replaced.
SET ROLE meridian_owner;
DROP INDEX desk.ticket_owner;
ALTER TABLE desk.ticket DROP CONSTRAINT ticket_owner_id_fkey;
RESET ROLE;
