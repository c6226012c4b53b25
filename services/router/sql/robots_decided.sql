-- Who has decided last about fields of a ticket, and until when automatic acts leave that alone. $1 ticket (uuid), $2 fields (text[]). No row: they need not.
SELECT d.by, desk.us(d.until) FROM desk.decided($1::uuid, $2::text[]) d
