-- What a key was answered before. $1 user (uuid), $2 key (text)
SELECT c.response, encode(c.body_hash, 'hex') FROM desk.command c WHERE c.user_id = $1::uuid AND c.key = $2::text
