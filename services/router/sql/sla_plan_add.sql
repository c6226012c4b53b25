-- A new plan of service levels, in force from here on. Refused by the key when somebody else has added that version.
-- $1 version (bigint), $2 document, $3 versions of its calendars (jsonb), $4 tzdata (text), $5 whether its clocks mind claims (bool), $6 who (text)
INSERT INTO desk.sla_plan (version, document, calendar_versions, tzdata, minds_claims, applied_by)
VALUES ($1::bigint, $2::jsonb, $3::jsonb, $4::text, $5::bool, $6::text)
