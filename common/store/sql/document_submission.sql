-- What became of a submission key. $1 text key as 32 hexadecimal digits. No row: not known here (yet). Needs no viewer: the key is the right to ask.
SELECT row_to_json(d)::text FROM (
    SELECT k.number, k.client_key AS key, encode(k.body_hash, 'hex') AS body_hash, k.region, desk.rfc3339(k.accepted_at) AS accepted_at
    FROM desk.submission_known($1::uuid) k) d
