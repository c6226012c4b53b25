-- Why: a claim must look only at lanes that have room. Without a lane in the row it read the whole backlog of a full lane to find out that there was nothing
--      for the others: with 15,000 notices waiting, a quarter of a processor.
-- Locks: rewrites desk.delivery (ACCESS EXCLUSIVE while it does).
-- Rollout: expand; claims of the former release go on with the new index, slower.
SET ROLE meridian_owner;
ALTER TABLE desk.delivery ADD COLUMN lane text NOT NULL GENERATED ALWAYS AS
    (CASE channel WHEN 'webhook' THEN 'webhook/' || coalesce(endpoint_id::text, '') ELSE channel || '/' || lower(split_part(destination, '@', 2)) END) STORED;
COMMENT ON COLUMN desk.delivery.lane IS 'What shares a fate: one webhook endpoint, or one mail domain. Concurrency and pauses are per lane.';
DROP INDEX desk.delivery_due;
CREATE INDEX delivery_due ON desk.delivery (channel, lane, class, next_at) WHERE next_at IS NOT NULL;
RESET ROLE;
