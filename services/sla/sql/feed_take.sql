-- Takes the feed of holidays that is due the longest for one attempt (desk.feed_take). An attempt that nobody tells of is over after $1.
-- $1 bigint microseconds. Name, number of the attempt, configuration (json), ETag and Last-Modified of what is known (null: none); no row: none is due.
SELECT t.name, t.attempt, t.config, t.etag, t.last_modified FROM desk.feed_take($1::bigint) t
