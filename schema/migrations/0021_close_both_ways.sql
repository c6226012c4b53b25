-- Why: what follows the work. A closed ticket can be reopened for a while, and has follow-ups after that; a reply can be split off into a ticket of its
--      own; and a requester confirms from the mail. A ticket made from another one is linked to it, by kinds that people do not make.
-- Locks: ACCESS EXCLUSIVE on desk.ticket and desk.link, briefly: columns without a default; desk.link is checked anew, and is small.
-- Rollout: expand. Routers of the former release close without a window, so that what they close has follow-ups at once; intakes of the former release
--      show the new kinds of links by their names. What was closed before stays closed.
SET ROLE meridian_owner;

ALTER TABLE desk.ticket ADD reopen_until timestamptz;
COMMENT ON COLUMN desk.ticket.reopen_until IS 'Set when it is closed, by its plan of service levels: until then it can be reopened. Null: never was closed, or cannot.';

ALTER TABLE desk.link DROP CONSTRAINT link_kind_check, ADD reply_seq int,
    ADD CONSTRAINT link_kind_check CHECK (kind IN ('parent_of', 'duplicate_of', 'related', 'caused_by', 'depends_on', 'split_from', 'follow_up_of')),
    ADD CONSTRAINT link_reply_check CHECK (reply_seq IS NULL OR kind = 'split_from');
COMMENT ON COLUMN desk.link.reply_seq IS 'The reply of to_id that from_id was split from: the seq of its event.';

CREATE OR REPLACE FUNCTION desk.link_word(kind text, backwards boolean) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT backwards THEN kind
        WHEN kind = 'parent_of' THEN 'child_of' WHEN kind = 'duplicate_of' THEN 'duplicated_by' WHEN kind = 'caused_by' THEN 'causes'
        WHEN kind = 'depends_on' THEN 'blocks' WHEN kind = 'split_from' THEN 'split_into' WHEN kind = 'follow_up_of' THEN 'follow_up' ELSE kind END;

-- The secret of links in mails. Nobody reads it but the function below, so that no service can lose it. Two keys, as an HMAC has.
CREATE TABLE desk.mail_secret (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    inner_key bytea NOT NULL CHECK (length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (length(outer_key) = 64)
);
COMMENT ON TABLE desk.mail_secret IS 'Signs the links of mails. A new one makes all links void that were sent.';
ALTER TABLE desk.mail_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.mail_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON desk.mail_secret TO meridian_owner USING (true) WITH CHECK (true);
INSERT INTO desk.mail_secret (inner_key, outer_key) -- random UUIDs are what the database has of strong randomness: 122 bits each
SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
       sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

CREATE FUNCTION desk.confirm_signature(p_ticket uuid, p_epoch bigint, p_expires_s bigint) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT left(encode(sha256(s.outer_key || sha256(s.inner_key || convert_to('confirm', 'UTF8') || uuid_send(p_ticket) || int8send(p_epoch) || int8send(p_expires_s))), 'hex'), 40)
    FROM desk.mail_secret s
$$;
COMMENT ON FUNCTION desk.confirm_signature IS 'Of a link that confirms this resolution: of this ticket, at this epoch, until this second since 1970. 160 bits.';
REVOKE ALL ON FUNCTION desk.confirm_signature FROM PUBLIC;
GRANT EXECUTE ON FUNCTION desk.confirm_signature TO meridian_router, meridian_notifier;
RESET ROLE;
