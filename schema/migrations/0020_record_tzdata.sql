-- Why: due times and shifts follow from rules of zones, which come with the system and are replaced by it. What rules there were has to be kept, or nobody can
--      say afterwards what they moved.
-- Locks: none.
-- Rollout: expand. The first router of this release writes down the rules it has.
SET ROLE meridian_owner;

CREATE TABLE desk.tzdata (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version text NOT NULL CHECK (length(version) BETWEEN 1 AND 15),
    zones jsonb NOT NULL,
    digest text NOT NULL GENERATED ALWAYS AS (md5(zones::text)) STORED,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE desk.tzdata IS 'Rules of zones that routers had, one row whenever they were others than before: of the zones that the plan and the organisation in force named then. Never changed.';
COMMENT ON COLUMN desk.tzdata.zones IS 'By name: the first offset, then in turn the instant of a change and the offset from there on, in seconds.';
CREATE TRIGGER tzdata_append_only BEFORE UPDATE OR DELETE ON desk.tzdata FOR EACH ROW EXECUTE FUNCTION desk.refuse_change();

GRANT SELECT ON desk.tzdata TO meridian_intake, meridian_router;
GRANT INSERT ON desk.tzdata TO meridian_router;
RESET ROLE;
