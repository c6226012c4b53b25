-- Why: tickets belong together: parents and children, duplicates, causes, dependencies; and two that are one become one.
-- Locks: none that matter; a policy of desk.reply is replaced.
-- Rollout: expand. A router of the former release knows nothing of either: a ticket whose dependencies are open it resolves, a command for the number of a
--      merged ticket it refuses, as the ticket is cancelled.
SET ROLE meridian_owner;

CREATE FUNCTION desk.link_word(kind text, backwards boolean) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN NOT backwards THEN kind
        WHEN kind = 'parent_of' THEN 'child_of' WHEN kind = 'duplicate_of' THEN 'duplicated_by' WHEN kind = 'caused_by' THEN 'causes'
        WHEN kind = 'depends_on' THEN 'blocks' ELSE kind END;
COMMENT ON FUNCTION desk.link_word IS 'What a link is called at its other end. common/domain/ticket_link.c has the same table, and a test holds them together.';

CREATE TABLE desk.link (
    from_id uuid NOT NULL, -- tickets are never deleted
    kind text NOT NULL CHECK (kind IN ('parent_of', 'duplicate_of', 'related', 'caused_by', 'depends_on')),
    to_id uuid NOT NULL CHECK (to_id <> from_id),
    at timestamptz NOT NULL,
    by_id uuid NOT NULL,
    PRIMARY KEY (from_id, kind, to_id)
);
COMMENT ON TABLE desk.link IS 'Typed links as they are; what was is in the events. The ends are the tickets that were named; where one has been merged, its root stands for it as long as that lasts, so that a merge moves nothing and its end gives everything back.';
CREATE INDEX link_to ON desk.link (to_id);

CREATE TABLE desk.merge (
    source_id uuid PRIMARY KEY,
    into_id uuid NOT NULL CHECK (into_id <> source_id),
    root_id uuid NOT NULL CHECK (root_id <> source_id),
    was_new boolean NOT NULL,
    at timestamptz NOT NULL,
    by_id uuid NOT NULL
);
COMMENT ON TABLE desk.merge IS 'Which ticket has gone up in which; what was is in the events. Written with the rows of the source and of the root locked; root_id is where all that leads in the end, so that nobody follows a chain.';
COMMENT ON COLUMN desk.merge.into_id IS 'The root at the time; with it the end of a merge finds what had gone up in the source before.';
CREATE INDEX merge_root ON desk.merge (root_id);
CREATE INDEX merge_into ON desk.merge (into_id);

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['link', 'merge'] LOOP
        EXECUTE format('ALTER TABLE desk.%I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE desk.%I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY owner_all ON desk.%I TO meridian_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY router_all ON desk.%I TO meridian_router USING (true) WITH CHECK (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON desk.%I TO meridian_router', t);
        EXECUTE format('GRANT SELECT ON desk.%I TO meridian_intake', t);
    END LOOP;
END $$;
GRANT UPDATE (root_id) ON desk.merge TO meridian_router;
-- A link is seen by whoever sees both ends. A merge tells only ids, and the root's number is for whoever sees the root.
CREATE POLICY reader ON desk.link FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = from_id) AND EXISTS (SELECT FROM desk.ticket t WHERE t.id = to_id));
CREATE POLICY reader ON desk.merge FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system')
     OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = source_id) OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = root_id));
-- Whose ticket went up in another is answered there: they read what agents say to all, and nothing of the others who asked.
DROP POLICY reader ON desk.reply;
CREATE POLICY reader ON desk.reply FOR SELECT TO meridian_intake USING
    (current_setting('meridian.kind', true) IN ('admin', 'system') OR EXISTS (SELECT FROM desk.ticket t WHERE t.id = ticket_id)
     OR NOT from_requester AND EXISTS (
        SELECT FROM desk.merge m JOIN desk.ticket s ON s.id = m.source_id
        WHERE m.root_id = ticket_id AND m.at <= reply.at AND desk.viewer() IN (s.requester_id, s.submitter_id)));
GRANT SELECT ON desk.merge TO meridian_notifier;
CREATE POLICY notifier_reads ON desk.merge FOR SELECT TO meridian_notifier USING (true);
RESET ROLE;
