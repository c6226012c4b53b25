-- Puts an organisation in force. Refused by the key when somebody else has added that version.
-- $1 version (bigint), $2 document, $3 shifts (json), $4 who (text)
SELECT desk.organisation_apply($1::bigint, $2::json, $3::json, $4::text)
