-- People and the modes of teams, of an organisation that the same transaction puts in force. Safe to repeat. $1 document (json)
SELECT desk.people_apply($1::json), desk.team_modes_apply($1::json)
