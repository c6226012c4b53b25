-- Roles of the cluster. Idempotent; run before every migration by meridian-migrate as a superuser (or a role with CREATEROLE).
-- Passwords are set by the deployment. No role has BYPASSRLS; the owner is subject to row-level security too (FORCE).
DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['meridian_owner', 'meridian_report'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', r);
        END IF;
    END LOOP;
    FOREACH r IN ARRAY ARRAY['meridian_intake', 'meridian_router', 'meridian_sla', 'meridian_notifier'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', r);
        END IF;
    END LOOP;
END $$;

-- One old snapshot slows every queue tenfold: nothing may stay open.
ALTER ROLE meridian_intake SET statement_timeout = '5s';
ALTER ROLE meridian_intake SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE meridian_intake SET default_transaction_read_only = on;
ALTER ROLE meridian_router SET statement_timeout = '10s';
ALTER ROLE meridian_router SET lock_timeout = '5s';
ALTER ROLE meridian_router SET idle_in_transaction_session_timeout = '5s';
-- Every statement of the router goes by keys: planning one anew costs more than running it, and a plan that was made while
-- a table was small must still be right when it has grown a thousandfold a minute later.
ALTER ROLE meridian_router SET plan_cache_mode = 'force_generic_plan';
ALTER ROLE meridian_router SET enable_seqscan = off;
ALTER ROLE meridian_router SET enable_bitmapscan = off;
ALTER ROLE meridian_router SET enable_hashjoin = off;
ALTER ROLE meridian_router SET enable_mergejoin = off;
ALTER ROLE meridian_router SET enable_memoize = off;
ALTER ROLE meridian_router SET jit = off;
ALTER ROLE meridian_sla SET statement_timeout = '10s';
ALTER ROLE meridian_sla SET lock_timeout = '5s';
ALTER ROLE meridian_sla SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE meridian_notifier SET statement_timeout = '10s';
ALTER ROLE meridian_notifier SET lock_timeout = '5s';
-- What the last moments before a crash recorded of sending may be lost: then it is sent again under the same id, which receivers drop. So the
-- ledger does not wait for the disk, and leaves it to those whose answers are promises.
ALTER ROLE meridian_notifier SET synchronous_commit = off;
ALTER ROLE meridian_notifier SET idle_in_transaction_session_timeout = '5s';
-- Settings belong to the role that signs in and are not inherited, so reports sign in as this role itself (once it has a password).
ALTER ROLE meridian_report LOGIN;
ALTER ROLE meridian_report SET default_transaction_read_only = on;
ALTER ROLE meridian_report SET statement_timeout = '60s';
ALTER ROLE meridian_report SET idle_in_transaction_session_timeout = '60s';

-- The authority answers reads with the reader's eyes: SET LOCAL ROLE meridian_intake.
GRANT meridian_intake TO meridian_router;
-- Replay positions of the standbys, for "flushed in a second region".
GRANT pg_monitor TO meridian_router;
