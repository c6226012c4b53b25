-- What speaks against giving a locked ticket to somebody now: nothing (null), or desk.refusal_facts; and what they carry stays theirs to change until the commit.
-- $1 somebody, $2 ticket (uuid)
SELECT desk.pick_check($1::uuid, $2::uuid)::text
