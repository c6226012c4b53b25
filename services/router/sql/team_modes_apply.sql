-- How tickets find their agents, of an organisation that the same transaction puts in force. Safe to repeat. $1 document (json)
SELECT desk.team_modes_apply($1::json)
