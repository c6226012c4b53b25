-- What is wrong with an organisation in this database. $1 document (json)
SELECT f.pointer, f.reason FROM desk.organisation_faults($1::json) f
UNION ALL
SELECT f.pointer, f.reason FROM desk.people_faults($1::json) f
