-- Why: every submission with an Idempotency-Key asks whether the key has made a ticket. Under row-level security that takes a transaction with settings: five
--      statements for one index look-up. The key is a hash over the requester, so knowing it is the right to ask.
-- Locks: none.
-- Rollout: expand; used by the intakes of this release.
SET ROLE meridian_owner;
CREATE FUNCTION desk.submission_known(p_key uuid, OUT number text, OUT client_key text, OUT body_hash bytea, OUT region text, OUT accepted_at timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog ROWS 1
    BEGIN ATOMIC
        SELECT t.number, t.client_key, t.body_hash, t.region, t.accepted_at FROM desk.ticket t WHERE t.submission_key = p_key;
    END;
COMMENT ON FUNCTION desk.submission_known IS 'The ticket that a submission key has made, as its submitter was told of it. No row: none.';
REVOKE ALL ON FUNCTION desk.submission_known FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.submission_known TO meridian_intake;
RESET ROLE;
