-- How an attempt ended (desk.feed_told). Safe to repeat: an attempt ends once.
-- $1 text name, $2 bigint attempt, $3 json days (null: none came), $4 text ETag, $5 text Last-Modified (null: none), $6 text error (null: none).
-- False: it had ended already, or another one came after it.
SELECT desk.feed_told($1::text, $2::bigint, $3::jsonb, $4::text, $5::text, $6::text)
