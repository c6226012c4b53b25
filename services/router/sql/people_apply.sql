-- The rest of an organisation that was just put in force. Safe to repeat. $1 document (json)
SELECT desk.people_apply($1::json)
